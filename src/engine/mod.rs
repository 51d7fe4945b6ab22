//! The discrete-event engine: keys, the event queue, run limits and the trace hash.
//!
//! Generic over the event. It knows nothing of clusters, draws no random numbers and does no IO;
//! what an event means is its caller's business.

mod heap;
mod key;
mod limits;
mod queue;
mod trace;

pub use key::EventKey;
pub use limits::{Guard, Limit, LimitReached, RunLimits};
pub use queue::EventQueue;
pub use trace::{EventHash, TraceDigest};
