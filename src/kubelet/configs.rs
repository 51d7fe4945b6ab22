//! ConfigMaps and Secrets that are not there: containers that cannot be created
//! (CreateContainerConfigError), volumes that cannot be set up (FailedMount).
//!
//! Fidelity: what is missing is told by faults; the objects themselves are not simulated. A
//! container is tried again with the next sync after a failed one, not with every sync between.

use super::backoff;
use super::worker::Worker;
use crate::base::time::SimDuration;
use crate::model::{ConfigReference, ConfigUse};
use crate::rng::StreamKind;

/// When a pod worker looks again after a sync that failed (`backOffPeriod`), before jitter.
pub(super) const RESYNC: SimDuration = SimDuration::from_secs(10);

/// First and longest wait of the volume manager between attempts to set up a volume.
const VOLUME_FIRST: SimDuration = SimDuration::from_millis(500);
const VOLUME_LONGEST: SimDuration = SimDuration::from_secs(122);

impl<'c> Worker<'_, 'c> {
    /// A ConfigMap or Secret that is not there and that is used so.
    fn missing(&self, used: impl Fn(&ConfigUse) -> bool) -> Option<&'c ConfigReference> {
        let faults = &self.cx.state.truth.missing_configs;
        if faults.is_empty() {
            return None;
        }
        let (template, model) = (self.template(), self.cx.model);
        let lacks = |config: &ConfigReference| {
            faults.iter().any(|&id| model.faults[id].kind.lacks(template.namespace, config))
        };
        template.configs.iter().find(|config| used(&config.used) && lacks(config))
    }

    /// What a container's environment needs and is not there.
    pub(super) fn missing_config(&self, index: u8) -> Option<&'c ConfigReference> {
        self.missing(|used| *used == ConfigUse::Environment(index))
    }

    /// A container cannot be created: the sync goes on with the others, and fails.
    pub(super) fn config_is_missing(&mut self, index: u8, config: &ConfigReference) {
        self.event((true, "Failed"), || {
            format!("Error: {} \"{}\" not found", config.kind.word(), config.name)
        });
        let curve = &self.cx.model.recovery.crash_loop_backoff;
        let now = self.cx.now;
        let second = u32::try_from(now.as_nanos() / 1_000_000_000).unwrap_or(u32::MAX);
        let mut luck = self.address(index).stream(self.cx.streams, StreamKind::SyncRetry, second);
        let retry_at = now.saturating_add(backoff::sleep(curve, RESYNC, luck.uniform()));
        let container = self.container(index);
        container.config_missing = true;
        container.retry_at = retry_at;
        self.sync_at(retry_at);
    }

    /// Whether the pod's volumes can be set up now. If not, they are tried again later, after
    /// longer and longer waits.
    pub(super) fn volumes_are_set_up(&mut self) -> bool {
        let now = self.cx.now;
        if self.pod.volumes_at > now {
            return false;
        }
        let Some(config) = self.missing(|used| matches!(used, ConfigUse::Volume(_))) else {
            return true;
        };
        if let ConfigUse::Volume(volume) = &config.used {
            self.event((true, "FailedMount"), || {
                let (word, name) = (config.kind.word(), &config.name);
                format!(
                    "MountVolume.SetUp failed for volume \"{volume}\" : {word} \"{name}\" not found"
                )
            });
        }
        let wait = VOLUME_FIRST.saturating_mul(1 << self.pod.volumes_failed.min(8));
        self.pod.volumes_failed = self.pod.volumes_failed.saturating_add(1);
        self.pod.volumes_at = now.saturating_add(wait.min(VOLUME_LONGEST));
        let at = self.pod.volumes_at;
        self.sync_at(at);
        false
    }
}
