//! What a run or a comparison leaves behind: tables, charts, one HTML page, a terminal table.
//!
//! Everything here is drawn from the row structs of [`crate::tables`] and nothing else. This layer
//! never simulates and never computes a statistic: it may bin a step function to pixels or order
//! rows, but a mean, an interval or a verdict arrives as a number in a row. It knows nothing of the
//! scenario, the experiment or the engine. Same rows → same bytes, in every format.

pub mod answer;
pub mod charts;
pub mod error;
#[cfg(test)]
mod fixtures;
pub mod format;
pub mod html;
pub mod io;
pub mod redraw;
pub mod terminal;

pub use error::ReportError;
pub use redraw::redraw;
