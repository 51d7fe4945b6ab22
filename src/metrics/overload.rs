//! What nodes' CPUs had to do, which nodes crashed of it, and how few endpoints were left.
//!
//! What did not last for any time of the window is not seen: several changes of one instant are
//! one change.

use std::collections::BTreeMap;

use super::window::Window;
use crate::base::time::SimTime;
use crate::model::NodeId;

/// Nodes' CPUs.
#[derive(Debug, Default)]
pub(super) struct Overload {
    /// Since when each node has had so much to do, as a ratio of what it offers.
    now: BTreeMap<NodeId, (SimTime, f64)>,
    most: f64,
    crashes: BTreeMap<NodeId, u64>,
}

impl Overload {
    /// A node has another amount to do, millionths of a core, of so many thousandths.
    pub(super) fn busy(
        &mut self,
        now: SimTime,
        (node, micro): (NodeId, u64),
        offered_milli: i64,
        window: Window,
    ) {
        #[expect(clippy::cast_precision_loss, reason = "a ratio for a table")]
        let ratio =
            if offered_milli > 0 { micro as f64 / 1000.0 / offered_milli as f64 } else { 0.0 };
        if let Some((since, before)) = self.now.insert(node, (now, ratio)) {
            self.lasted(window, (since, now), before);
        }
    }

    fn lasted(&mut self, window: Window, (since, until): (SimTime, SimTime), ratio: f64) {
        if window.overlap_ns(since, until) > 0 {
            self.most = self.most.max(ratio);
        }
    }

    /// A node crashed.
    pub(super) fn crashed(&mut self, node: NodeId) {
        *self.crashes.entry(node).or_default() += 1;
    }

    /// The run is over.
    pub(super) fn finish(&mut self, end: SimTime, window: Window) {
        for (since, ratio) in self.now.values().copied().collect::<Vec<_>>() {
            self.lasted(window, (since, end), ratio);
        }
    }

    /// The largest ratio.
    pub(super) fn utilisation_max(&self) -> f64 {
        self.most
    }

    /// All crashes.
    pub(super) fn crashes(&self) -> u64 {
        self.crashes.values().sum()
    }

    /// Different nodes that crashed.
    pub(super) fn nodes(&self) -> u64 {
        self.crashes.len() as u64
    }
}

/// The smallest number that lasted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fewest {
    since: SimTime,
    now: u32,
    least: Option<u32>,
}

impl Fewest {
    /// The number changes.
    pub(super) fn set(&mut self, now: SimTime, number: u32, window: Window) {
        if window.overlap_ns(self.since, now) > 0 {
            self.least = Some(self.least.map_or(self.now, |least| least.min(self.now)));
        }
        (self.since, self.now) = (now, number);
    }

    /// The run is over.
    pub(super) fn finish(&mut self, end: SimTime, window: Window) {
        self.set(end, self.now, window);
    }

    /// The smallest, if the window has any length.
    pub(super) fn least(&self) -> Option<u32> {
        self.least
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fixture::model;

    #[test]
    fn only_what_lasts_is_seen() {
        let (at, window) = (SimTime::from_secs, Window::of(&model(&[1])));
        let mut fewest = Fewest::default();
        for (time, number) in [(0, 3), (10, 0), (10, 2), (20, 5)] {
            fewest.set(at(time), number, window);
        }
        fewest.finish(at(100), window);
        assert_eq!(fewest.least(), Some(2));
        let mut overload = Overload::default();
        let node = NodeId::from_index(0);
        for (time, micro) in [(0, 500_000), (10, 9_000_000), (10, 2_100_000), (20, 0)] {
            overload.busy(at(time), (node, micro), 2000, window);
        }
        overload.crashed(node);
        overload.crashed(node);
        overload.finish(at(100), window);
        assert!((overload.utilisation_max() - 1.05).abs() < 1e-12);
        assert_eq!((overload.crashes(), overload.nodes()), (2, 1));
    }
}
