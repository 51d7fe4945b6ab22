//! What keeps a controller from acting twice: expectations, and the worker that is busy with an
//! object until its last write is answered.
//!
//! Kubernetes-behaviour §4.4. It knows nothing of what the objects are.

use std::collections::BTreeSet;

use super::Work;
use crate::base::time::{SimDuration, SimTime};
use crate::cx::Cx;
use crate::event::WorkQueue;
use crate::model::PodId;
use crate::state::{Change, Client, PodObject, Request, Verb};

/// After this long expectations count as met.
const EXPECTATION_TIMEOUT: SimDuration = SimDuration::from_secs(300);

/// What an object's controller waits to see before it creates or deletes pods again.
#[derive(Debug, Default)]
struct Expectations {
    creations: u32,
    deletions: BTreeSet<PodId>,
    since: SimTime,
}

impl Expectations {
    fn met(&self, now: SimTime) -> bool {
        (self.creations == 0 && self.deletions.is_empty())
            || now.saturating_since(self.since) >= EXPECTATION_TIMEOUT
    }
}

/// A sync that waits for its last write to be answered: its worker takes up no other sync of the
/// same object until then.
#[derive(Clone, Copy, Debug)]
struct Busy {
    until: SimTime,
    /// A sync was asked for meanwhile.
    again: bool,
}

/// What a controller remembers of one object between its syncs.
#[derive(Debug, Default)]
pub(super) struct Pace {
    expected: Expectations,
    busy: Option<Busy>,
}

impl Pace {
    /// Whether a sync can begin now. If not, the key is queued for when the worker is free.
    /// Otherwise tells whether the sync was asked for while the worker was busy.
    pub(super) fn begin(
        &mut self,
        cx: &mut Cx<'_>,
        work: &mut Work<'_>,
        (queue, key): (WorkQueue, u32),
    ) -> Option<bool> {
        if let Some(busy) = self.busy.as_mut().filter(|busy| cx.now < busy.until) {
            if !std::mem::replace(&mut busy.again, true) {
                work.enqueue_at(cx, queue, key, busy.until);
            }
            return None;
        }
        Some(self.busy.take().is_some_and(|busy| busy.again))
    }

    /// Whether pods may be created and deleted: the cache shows what was done before.
    pub(super) fn may_act(&self, now: SimTime) -> bool {
        self.expected.met(now)
    }

    /// So many creations, and these deletions, are about to be asked for.
    pub(super) fn expect(
        &mut self,
        now: SimTime,
        creations: usize,
        deletions: impl IntoIterator<Item = PodId>,
    ) {
        self.expected.creations = u32::try_from(creations).expect("at most a burst");
        self.expected.deletions = deletions.into_iter().collect();
        self.expected.since = now;
    }

    /// Notes what a change of one of the object's pods means for expectations.
    pub(super) fn observe(&mut self, change: &Change<PodId, PodObject>) {
        if change.verb == Verb::Added {
            self.expected.creations = self.expected.creations.saturating_sub(1);
        }
        if change.object.termination.is_some() || change.object.gone {
            self.expected.deletions.remove(&change.id);
        }
    }

    /// Sends a write, whose answer the sync waits for.
    pub(super) fn write(&mut self, cx: &mut Cx<'_>, client: Client, request: Request) {
        let until = cx.request(client, request);
        self.wait(until);
    }

    /// The sync waits until then.
    pub(super) fn wait(&mut self, until: SimTime) {
        let busy = self.busy.get_or_insert(Busy { until, again: false });
        busy.until = busy.until.max(until);
    }
}
