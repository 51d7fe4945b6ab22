//! PrioritySort: the order of the queue.

use crate::registry::Descriptor;
use crate::scheduling::WakeSet;
use crate::scheduling::framework::{Plugin, PluginDef, Point};

/// The table's entry.
pub(super) const DEF: PluginDef = PluginDef {
    descriptor: Descriptor {
        name: "PrioritySort",
        summary: "Tries pods of higher priority first",
        help: "Among pods of one priority the one that has been in the queue for longer comes \
               first. It is the only order that there is.",
        fields: &[],
    },
    points: &[Point::QueueSort],
    filter_depends: None,
    score_depends: None,
    wakes_on: WakeSet::NONE,
    build: Some(|_| Box::new(PrioritySort)),
};

/// The queue itself keeps the order; the instance has nothing to say.
#[derive(Debug)]
struct PrioritySort;

impl Plugin for PrioritySort {}
