//! The frozen table of stream kinds.

/// Whether a kind of stream belongs to the world or to a policy.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// Part of the storm: drawn alike under every policy that is compared.
    Exogenous,
    /// A policy's own luck.
    Policy,
}

/// Defines [`StreamKind`] with its numbers, its list and its origins from one table.
macro_rules! stream_kinds {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $origin:ident;)*) => {
        /// What a stream of random numbers is for.
        ///
        /// The numbers are part of every result: a number is never changed and never used again.
        #[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum StreamKind {
            $($(#[$doc])* $name = $number,)*
        }

        impl StreamKind {
            /// All kinds in order of their numbers.
            pub const ALL: &[StreamKind] = &[$(StreamKind::$name,)*];

            /// Whether streams of this kind belong to the world or to a policy.
            #[must_use]
            pub const fn origin(self) -> Origin {
                match self {
                    $(StreamKind::$name => Origin::$origin,)*
                }
            }
        }
    };
}

stream_kinds! {
    /// Time a container takes to start.
    ContainerStartup = 1, Exogenous;
    /// Time an image takes to be pulled.
    ImagePull = 2, Exogenous;
    /// When a node fails and is repaired.
    NodeFailure = 3, Exogenous;
    /// When a zone fails and is repaired.
    ZoneFailure = 4, Exogenous;
    /// When and how a container fails.
    ContainerFailure = 5, Exogenous;
    /// Outcomes of probes of a container in a given state.
    ProbeOutcome = 6, Exogenous;
    /// Phase of a node's lease renewals.
    LeasePhase = 7, Exogenous;
    /// Time a node takes to boot.
    NodeBoot = 8, Exogenous;
    /// Latency of a request to the API server.
    ApiLatency = 9, Exogenous;
    /// Latency of a watch event.
    WatchLatency = 10, Exogenous;
    /// Duration and outcome of leader elections.
    LeaderElection = 11, Exogenous;
    /// Phase of a probe's period.
    ProbePhase = 12, Exogenous;
    /// Choice among nodes of equal score.
    SchedulerTieBreak = 13, Policy;
    /// Unique identifiers of pods.
    PodUid = 14, Exogenous;
    /// Jitter of a kubelet's loops.
    KubeletJitter = 15, Exogenous;
    /// Phase of the kubelet's look at the container runtime.
    PlegPhase = 16, Exogenous;
    /// Phases of controllers' periodic work.
    ControllerPhase = 17, Exogenous;
    /// Time a container takes to stop.
    Shutdown = 18, Exogenous;
    /// Where the search for preemption candidates starts.
    PreemptionOffset = 19, Policy;
    /// When work arrives.
    Arrival = 20, Exogenous;
    /// Requests that users send.
    RequestTraffic = 21, Exogenous;
    /// What a placement policy that decides by lot draws for a node.
    NodeDraw = 22, Policy;
    /// Where a volume is made that may be made in several places.
    VolumePlace = 23, Policy;
    /// When a kubelet is connected to the API server again.
    Reconnection = 40, Exogenous;
    /// Which kube-apiserver instance a kubelet is connected to.
    ApiInstance = 41, Exogenous;
    /// How long etcd has no leader.
    EtcdElection = 42, Exogenous;
    /// When a pod worker looks again after a pull that failed.
    PullRetry = 50, Exogenous;
    /// Whether a run of a postStart hook fails.
    PostStart = 51, Exogenous;
    /// When a pod worker looks again after a sync that failed.
    SyncRetry = 52, Exogenous;
    /// When a readiness gate of a pod is opened.
    ReadinessGate = 53, Exogenous;
    /// How long a kube-proxy that is back takes to list everything.
    ProxyList = 54, Exogenous;
    /// Phase of a kubelet's eviction manager.
    EvictionPhase = 60, Exogenous;
    /// Which nodes of a failure domain a failure strikes, when, and for how long.
    NodeLot = 70, Exogenous;
}

impl StreamKind {
    /// The kind's frozen number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_frozen() {
        let table: String = StreamKind::ALL
            .iter()
            .map(|kind| format!("{} {kind:?} {:?}\n", *kind as u16, kind.origin()))
            .collect();
        insta::assert_snapshot!(table, @r"
        1 ContainerStartup Exogenous
        2 ImagePull Exogenous
        3 NodeFailure Exogenous
        4 ZoneFailure Exogenous
        5 ContainerFailure Exogenous
        6 ProbeOutcome Exogenous
        7 LeasePhase Exogenous
        8 NodeBoot Exogenous
        9 ApiLatency Exogenous
        10 WatchLatency Exogenous
        11 LeaderElection Exogenous
        12 ProbePhase Exogenous
        13 SchedulerTieBreak Policy
        14 PodUid Exogenous
        15 KubeletJitter Exogenous
        16 PlegPhase Exogenous
        17 ControllerPhase Exogenous
        18 Shutdown Exogenous
        19 PreemptionOffset Policy
        20 Arrival Exogenous
        21 RequestTraffic Exogenous
        22 NodeDraw Policy
        23 VolumePlace Policy
        40 Reconnection Exogenous
        41 ApiInstance Exogenous
        42 EtcdElection Exogenous
        50 PullRetry Exogenous
        51 PostStart Exogenous
        52 SyncRetry Exogenous
        53 ReadinessGate Exogenous
        54 ProxyList Exogenous
        60 EvictionPhase Exogenous
        70 NodeLot Exogenous
        ");
    }
}
