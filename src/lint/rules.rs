//! The table of rules: code, name, level, what each finds, why that hurts, what would be right.
//!
//! Listing, documentation and the command's output follow from this table. A code is never given a
//! second meaning; new rules get new codes.

use super::evidence::Evidence::{self, Shown, Unshown};
use crate::base::diag::Severity::{self, Error, Note, Warning};

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Stable code, `L101`.
    pub code: &'static str,
    /// Stable name in words, `pdb-blocks-drains`.
    pub name: &'static str,
    /// The gravest level of its findings: an error cannot work, a warning will hurt, a note is
    /// worth knowing.
    pub level: Severity,
    /// What it finds: one sentence.
    pub finds: &'static str,
    /// Why that hurts: one or two sentences.
    pub why: &'static str,
    /// What would be right: lower case, no full stop.
    pub right: &'static str,
    /// What it needs beside the objects.
    pub needs: Needs,
    /// What shows it.
    pub evidence: Evidence,
}

/// What a rule needs beside the objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Objects,
    /// The nodes of a scenario.
    Nodes,
    /// What a scenario says under `behaviour:`.
    Behaviour,
}

macro_rules! rules {
    ($($ident:ident = $code:literal $name:literal $level:ident $needs:ident
        { $finds:literal, $why:literal, $right:literal, $evidence:expr };)*) => {
        $(#[doc = $finds] pub(super) static $ident: Rule = Rule {
            code: $code,
            name: $name,
            level: $level,
            finds: $finds,
            why: $why,
            right: $right,
            needs: Needs::$needs,
            evidence: $evidence,
        };)*

        /// Every rule in ascending order of codes.
        pub static RULES: &[&Rule] = &[$(&$ident),*];
    };
}

/// The rule of a code or name.
#[must_use]
pub fn find(word: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.code == word || rule.name == word)
}

/// Groups of codes, by their first digit, with a title.
pub(super) const GROUPS: &[(&str, &str)] = &[
    ("L0", "This check itself"),
    ("L1", "Disruption budgets"),
    ("L2", "Probes and start-up"),
    ("L3", "Requests and limits"),
    ("L4", "Placement"),
    ("L5", "Services and availability"),
    ("L6", "Rollouts"),
    ("L7", "Autoscaling and jobs"),
    ("L8", "Priority"),
    ("L9", "Images"),
];

const NOT_SIMULATED: Evidence = Unshown("no HorizontalPodAutoscaler takes part in a simulation");

rules! {
    UNKNOWN_CODE = "L001" "unknown-lint-code" Warning Objects {
        "The annotation `wavetank.dev/lint-ignore` names a code that no rule has.",
        "A mistyped code suppresses nothing: the finding that was meant is still reported, or will be.",
        "write codes of `wavetank lint --list`, separated by commas",
        Unshown("it is about the check itself")
    };

    BUDGET_BLOCKS = "L101" "pdb-blocks-drains" Error Objects {
        "A PodDisruptionBudget never allows an eviction, even with all of its pods healthy.",
        "kubectl drain, node upgrades and scaling down ask the eviction API, which refuses for ever: \
         the node can only be emptied by deleting pods, which heeds no budget.",
        "let one pod go: maxUnavailable: 1, or minAvailable below the number of replicas",
        Shown { scenario: "drain", bad: "blocked", good: "sound" }
    };
    TWO_BUDGETS = "L102" "two-pdbs-on-one-pod" Error Objects {
        "Two PodDisruptionBudgets select the same pods.",
        "The eviction API supports one budget for a pod: with two it answers every eviction with \
         error 500, whatever both would allow, and drains never end.",
        "let one budget select these pods only",
        Shown { scenario: "drain", bad: "doubled", good: "sound" }
    };
    BUDGET_OF_NOTHING = "L103" "pdb-selects-nothing" Warning Objects {
        "A PodDisruptionBudget selects no pod of any object in its namespace.",
        "The pods that it was meant for have no budget: a drain may evict all of them at once.",
        "write the labels of the pod template into spec.selector",
        Shown { scenario: "drain", bad: "unguarded", good: "sound" }
    };

    SAME_PROBES = "L201" "liveness-equals-readiness" Warning Objects {
        "A liveness probe asks what the readiness probe asks, and gives up no later.",
        "Whatever makes the pod unready also restarts it: a slow dependency or a burst of load, which \
         readiness alone would ride out, becomes a round of restarts of all replicas.",
        "let liveness look at the process alone, or give it several times the failureThreshold",
        Shown { scenario: "probes", bad: "same-probe", good: "patient" }
    };
    LIVENESS_KILLS_START = "L202" "liveness-kills-slow-start" Error Behaviour {
        "A container without startup probe takes longer to start than its liveness probe waits.",
        "The kubelet kills the container before it is up, and again after each restart, with \
         growing back-off between; a rollout of it never ends.",
        "add a startupProbe that waits for the slowest start; liveness is not asked before it passes",
        Shown { scenario: "probes", bad: "slow-start", good: "patient" }
    };
    STARTUP_TOO_SHORT = "L203" "startup-probe-too-short" Error Behaviour {
        "A startup probe gives up before the container has started.",
        "failureThreshold × periodSeconds is all the time that a start may take; a container that needs \
         longer is killed, and starts over.",
        "raise failureThreshold of the startupProbe until it covers the slowest start",
        Shown { scenario: "probes", bad: "short-startup", good: "patient" }
    };
    LONG_TIMEOUT = "L204" "probe-timeout-covers-period" Note Objects {
        "A probe's timeoutSeconds is not below its periodSeconds.",
        "Probes of one container run one after another: while one waits for its answer the next is \
         skipped, so that noticing a hang takes failureThreshold × timeoutSeconds or more.",
        "keep timeoutSeconds below periodSeconds",
        Unshown("a time-out that lasts for the whole period delays detection by seconds only")
    };

    BEST_EFFORT = "L301" "no-requests" Warning Objects {
        "No container of the pod requests or is limited to any CPU or memory (QoS class BestEffort).",
        "The scheduler counts the pod as nothing and piles such pods onto one node; when the node \
         runs short of memory they are evicted or killed first.",
        "state resources.requests for cpu and memory",
        Shown { scenario: "pressure", bad: "best-effort", good: "stated" }
    };
    NO_MEMORY_LIMIT = "L302" "no-memory-limit" Note Objects {
        "A container has requests but no memory limit.",
        "A leak in it is stopped by the node only, when memory runs short for every pod there.",
        "state resources.limits.memory",
        Shown { scenario: "pressure", bad: "unlimited", good: "contained" }
    };
    LIMIT_BELOW_USE = "L303" "memory-limit-below-use" Error Behaviour {
        "A container's memory limit is below what the scenario says that it uses.",
        "The kernel kills it as soon as it works (OOMKilled), and after each restart again.",
        "raise the limit above what is used, with room for peaks",
        Unshown("the simulation kills at a limit only what leaks")
    };
    LIMIT_FAR_ABOVE = "L304" "memory-limit-far-above-request" Note Objects {
        "A container's memory limit is four times its request or more.",
        "The scheduler plans with the request. Where several such containers use what they may, the \
         node runs short, and pods that use more than they requested are evicted first.",
        "request what the container uses when it is busy",
        Shown { scenario: "pressure", bad: "beyond-request", good: "stated" }
    };
    USE_ABOVE_REQUEST = "L305" "memory-use-above-request" Warning Behaviour {
        "A container uses more memory than it requests, as the scenario has it.",
        "The node is fuller than the scheduler believes, and under memory pressure the kubelet evicts \
         the pods that use more than they requested first.",
        "request at least what is used",
        Shown { scenario: "pressure", bad: "beyond-request", good: "stated" }
    };

    TOO_LARGE = "L401" "pod-larger-than-any-node" Error Nodes {
        "A pod requests more than any node that it may use can offer.",
        "It stays Pending for ever, however empty the cluster is.",
        "request less, or add larger nodes",
        Shown { scenario: "pending", bad: "too-large", good: "placeable" }
    };
    NO_NODE = "L402" "no-node-fits-selection" Error Nodes {
        "A pod's nodeSelector, required node affinity and tolerations leave no node.",
        "It stays Pending for ever: the scheduler never weakens what is required.",
        "correct the label or add the toleration; `preferred…` instead of `required…` asks without insisting",
        Shown { scenario: "pending", bad: "no-such-label", good: "placeable" }
    };
    TOO_FEW_DOMAINS = "L403" "anti-affinity-exceeds-domains" Error Nodes {
        "Required anti-affinity keeps replicas apart over fewer domains than there are replicas.",
        "One replica fits into each domain; the others stay Pending for ever, and so does what \
         replaces a pod while its domain is down.",
        "use preferred anti-affinity or topology spread, or lower the number of replicas",
        Shown { scenario: "pending", bad: "apart", good: "placeable" }
    };
    SPREAD_WITHOUT_LABEL = "L404" "spread-over-missing-label" Error Nodes {
        "A DoNotSchedule spread constraint names a topology key that no usable node carries.",
        "Nodes without the label are not eligible, so that no node is and every pod stays Pending.",
        "name a label that nodes have, such as topology.kubernetes.io/zone",
        Shown { scenario: "pending", bad: "no-racks", good: "placeable" }
    };
    MIN_DOMAINS = "L405" "min-domains-exceed-domains" Error Nodes {
        "minDomains is larger than the number of domains, and the replicas are more than that allows.",
        "While domains are missing the smallest count is taken to be zero: each domain takes maxSkew \
         pods and no more, the others stay Pending.",
        "set minDomains to the number of domains that exist, or remove it",
        Shown { scenario: "pending", bad: "many-domains", good: "placeable" }
    };
    OVERCOMMITTED = "L406" "requests-exceed-cluster" Error Nodes {
        "The requests of all workloads together are more than the cluster offers.",
        "Some pods stay Pending even while every node is up; which ones is decided by priority and chance.",
        "add nodes, or lower replicas or requests",
        Shown { scenario: "overcommitted", bad: "large", good: "small" }
    };
    NO_SPARE = "L407" "no-room-for-a-lost-node" Note Nodes {
        "The requests of all workloads fit the cluster, but no longer once its largest node is gone.",
        "While a node is down or drained, some of its pods stay Pending.",
        "keep one node's worth of room",
        Unshown("a scenario holds one cluster, full or with room, not both side by side")
    };
    HOST_PORT = "L408" "host-port-exceeds-nodes" Error Nodes {
        "A workload with a hostPort has more replicas than there are nodes that it may use.",
        "A port of a node can be had once: the other replicas stay Pending for ever.",
        "remove the hostPort and use a Service, or run a DaemonSet",
        Shown { scenario: "pending", bad: "host-port", good: "placeable" }
    };

    SINGLE_REPLICA = "L501" "single-replica-behind-service" Warning Objects {
        "A Service has a single replica behind it.",
        "Every eviction, crash or loss of its node is an outage of the Service; after a node is lost \
         it lasts for minutes, until the pod is given up and started elsewhere.",
        "run two replicas or more, on different nodes",
        Shown { scenario: "services", bad: "single", good: "whole" }
    };
    SINGLE_ON_SPOT = "L502" "single-replica-on-spot" Warning Objects {
        "A single replica can run on spot nodes only.",
        "Spot nodes are reclaimed at short notice; the only replica goes with its node.",
        "run two replicas or more, or keep this one on nodes that stay",
        Shown { scenario: "services", bad: "on-spot", good: "whole" }
    };
    SERVICE_OF_NOTHING = "L503" "service-selects-nothing" Warning Objects {
        "A Service selects no pod of any object in its namespace.",
        "It has no endpoints: every request to it is refused.",
        "write the labels of the pod template into spec.selector",
        Shown { scenario: "services", bad: "misnamed", good: "whole" }
    };
    NO_READINESS = "L504" "no-readiness-behind-service" Warning Objects {
        "No container of the pods behind a Service has a readiness probe.",
        "A pod counts as ready as soon as its containers run: requests reach it before it can answer \
         and while it hangs, and a rollout goes on without waiting for it.",
        "add a readinessProbe",
        Shown { scenario: "services", bad: "unprobed", good: "whole" }
    };
    SHORT_GRACE = "L505" "grace-shorter-than-pre-stop" Warning Objects {
        "terminationGracePeriodSeconds does not outlast the preStop hook.",
        "The grace period covers the hook and the shutdown together: when it ends the process is \
         killed with its requests, before or right after it hears SIGTERM.",
        "set terminationGracePeriodSeconds to the hook's time and that of the shutdown together",
        Unshown("what a process that is killed leaves undone is no number of a simulation")
    };
    UNKNOWN_TARGET_PORT = "L506" "service-port-unknown" Error Objects {
        "A Service's targetPort is a name that no container of its pods gives to a port.",
        "The pods become endpoints without that port: requests to it are refused.",
        "name a port of the containers, or give its number",
        Unshown("the simulation routes to pods, not to their ports")
    };

    ALL_AT_ONCE = "L601" "rollout-takes-all" Warning Objects {
        "A rollout of a Deployment behind a Service may stop all of its pods before new ones are ready.",
        "Each release is an outage as long as image pull, start-up and readiness take; if the new \
         version does not start, it does not end.",
        "use RollingUpdate with maxSurge 1 and maxUnavailable 0",
        Shown { scenario: "rollout", bad: "recreated", good: "rolled" }
    };
    UNAVAILABLE_IS_WHOLE = "L602" "no-surge-takes-whole" Warning Objects {
        "With maxSurge 0 the rounded maxUnavailable comes to every replica.",
        "No pod may be added, so that the rollout first stops all that run.",
        "let maxSurge be 1, or run more replicas",
        Shown { scenario: "rollout", bad: "no-surge", good: "rolled" }
    };
    SHORT_DEADLINE = "L603" "progress-deadline-too-short" Warning Objects {
        "progressDeadlineSeconds is shorter than a new pod takes to become available.",
        "Every rollout is reported as failed (ProgressDeadlineExceeded) though nothing is wrong, and \
         pipelines that wait for it roll back.",
        "raise progressDeadlineSeconds well above start-up, readiness delay and minReadySeconds",
        Unshown("the simulation reports no condition Progressing")
    };
    STUCK_SURGE = "L604" "rollout-has-no-place" Error Nodes {
        "Replicas fill every domain that keeps them apart, and a rollout may stop none of them first.",
        "The surge pod has nowhere to go and no old pod may be stopped: the rollout never moves.",
        "set maxUnavailable to 1, or keep a domain free",
        Shown { scenario: "rollout", bad: "full-house", good: "rolled" }
    };

    FIXED_HPA = "L701" "hpa-min-equals-max" Note Objects {
        "A HorizontalPodAutoscaler has minReplicas equal to maxReplicas.",
        "It never scales; it only puts its own number over that of the workload.",
        "set spec.replicas of the workload and remove the autoscaler, or widen its range",
        NOT_SIMULATED
    };
    HPA_WITHOUT_REQUEST = "L702" "hpa-without-requests" Error Objects {
        "A HorizontalPodAutoscaler scales on utilization of a resource that a container does not request.",
        "Utilization is use divided by request: without the request the metric cannot be computed \
         (FailedGetResourceMetric), and nothing is scaled.",
        "state the request in every container, or use a target of type AverageValue",
        NOT_SIMULATED
    };
    HPA_AND_REPLICAS = "L703" "hpa-with-fixed-replicas" Warning Objects {
        "spec.replicas is written in a manifest whose workload an autoscaler scales.",
        "Every time the manifest is applied the number is set back to what is written, in the middle of \
         the load that the autoscaler had scaled for.",
        "remove spec.replicas from the manifest",
        NOT_SIMULATED
    };
    HPA_OF_NOTHING = "L704" "hpa-target-missing" Warning Objects {
        "A HorizontalPodAutoscaler's scaleTargetRef names an object that is not there.",
        "Nothing is scaled (FailedGetScale).",
        "name the kind and name of the workload in the same namespace",
        NOT_SIMULATED
    };
    JOB_OUTLASTS_SCHEDULE = "L705" "cron-job-outlasts-schedule" Warning Objects {
        "A CronJob with concurrencyPolicy Forbid is due again before its run can have ended.",
        "Runs that become due meanwhile are left out without a word; fewer take place than the schedule says.",
        "run it less often, or make a run shorter",
        Unshown("what a job's command sleeps is not known to a simulation")
    };

    UNKNOWN_CLASS = "L801" "priority-class-unknown" Warning Objects {
        "priorityClassName names a PriorityClass that is not among the objects.",
        "Unless the cluster has the class already, the API server refuses every pod, and the workload \
         stays at none.",
        "add the PriorityClass",
        Unshown("a scenario with such a name is refused")
    };
    DEFAULT_CLASS = "L802" "global-default-priority" Warning Objects {
        "A PriorityClass is the global default with a value other than 0.",
        "It is given to pods created from now on only: those that run keep 0, so that every restart \
         reorders the cluster, and new pods may evict old ones of the same kind.",
        "set globalDefault to false and name the class where it is meant",
        Unshown("a scenario gives the default to all pods from the start")
    };

    UNPINNED_IMAGE = "L901" "image-not-pinned" Note Objects {
        "A container's image has the tag latest, or none.",
        "Replicas started at different times may run different versions, a rollback changes nothing, \
         and unless imagePullPolicy says otherwise every start asks the registry.",
        "name a version, or better a digest",
        Shown { scenario: "images", bad: "latest", good: "pinned" }
    };
}
