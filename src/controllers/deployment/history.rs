//! Revisions of a Deployment's ReplicaSets, and which of them the history has no room for.

use super::sync::SetFacts;

/// The revision of a new set: one more than the greatest of the old ones.
pub(super) fn next_revision<'a>(old: impl Iterator<Item = &'a SetFacts>) -> u32 {
    old.map(|set| set.revision).max().unwrap_or(0) + 1
}

/// The old sets beyond the limit, oldest revision first, except those that have pods: only as many
/// of the oldest as are too many are looked at.
pub(super) fn surplus(sets: &[SetFacts], old: &[usize], limit: i32) -> Vec<usize> {
    let limit = usize::try_from(limit).unwrap_or(0);
    let mut oldest = old.to_vec();
    oldest.sort_by_key(|&at| (sets[at].revision, sets[at].created, at));
    oldest.truncate(old.len().saturating_sub(limit));
    // Fidelity: a set whose controller has not seen its last change is left alone by Kubernetes;
    // ReplicaSets have no generation here.
    oldest.retain(|&at| sets[at].replicas == 0 && sets[at].status.replicas == 0);
    oldest
}
