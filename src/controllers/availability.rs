//! When a pod that is Ready counts as available.

use crate::base::time::SimDuration;

/// Whether a pod that has been Ready for `ready_for` (absent: it is not Ready) is available. With
/// `minReadySeconds` it has to be Ready for longer than that; as long is not enough.
#[must_use]
pub fn is_available(ready_for: Option<SimDuration>, min_ready: SimDuration) -> bool {
    ready_for.is_some_and(|ready| min_ready.is_zero() || ready > min_ready)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_available_when_it_has_been_ready_for_longer_than_asked() {
        let seconds = SimDuration::from_secs;
        for (ready_for, min_ready, available) in [
            (None, 0, false),
            (None, 10, false),
            (Some(0), 0, true),
            (Some(0), 10, false),
            (Some(10), 10, false),
            (Some(11), 10, true),
        ] {
            let told = is_available(ready_for.map(seconds), seconds(min_ready));
            assert_eq!(told, available, "{ready_for:?} {min_ready}");
        }
    }
}
