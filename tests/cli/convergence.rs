//! Convergence: whatever objects there are and whatever befalls them, once it is quiet the world is as
//! desired; and what must hold on the way holds.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::Config;

use super::answers_run::{Run, cluster, number, same, scenario};

/// One workload of a kind, with its choices.
#[derive(Clone, Debug)]
enum Object {
    Deployment { replicas: u32, recreate: bool, surge: u32, unavailable: u32 },
    StatefulSet { replicas: u32, parallel: bool, partition: u32 },
    DaemonSet { surge: bool },
    Job { completions: u32, parallelism: u32, indexed: bool, fails: bool, retries: u32 },
}

impl Object {
    fn kind(&self) -> (&'static str, &'static str) {
        match self {
            Self::Deployment { .. } => ("apps/v1", "Deployment"),
            Self::StatefulSet { .. } => ("apps/v1", "StatefulSet"),
            Self::DaemonSet { .. } => ("apps/v1", "DaemonSet"),
            Self::Job { .. } => ("batch/v1", "Job"),
        }
    }

    fn is_job(&self) -> bool {
        matches!(self, Self::Job { .. })
    }

    /// The fields of its specification, selector and template aside.
    fn spec(&self) -> String {
        match *self {
            Self::Deployment { replicas, recreate: true, .. } => {
                format!("replicas: {replicas}, strategy: {{type: Recreate}}")
            }
            Self::Deployment { replicas, surge, unavailable, .. } => format!(
                "replicas: {replicas}, strategy: {{rollingUpdate: {{maxSurge: {surge}, \
                 maxUnavailable: {}}}}}",
                unavailable.max(u32::from(surge == 0))
            ),
            Self::StatefulSet { replicas, parallel, partition } => format!(
                "replicas: {replicas}, podManagementPolicy: {}, updateStrategy: {{type: \
                 RollingUpdate, rollingUpdate: {{partition: {partition}}}}}",
                if parallel { "Parallel" } else { "OrderedReady" }
            ),
            Self::DaemonSet { surge: true } => {
                "minReadySeconds: 4, updateStrategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: \
                 0}}"
                .to_owned()
            }
            Self::DaemonSet { surge: false } => "minReadySeconds: 3".to_owned(),
            Self::Job { completions, parallelism, indexed, retries, .. } => format!(
                "completions: {completions}, parallelism: {parallelism}, completionMode: {}, \
                 backoffLimit: {retries}, podReplacementPolicy: {}",
                if indexed { "Indexed" } else { "NonIndexed" },
                if retries % 2 == 1 { "Failed" } else { "TerminatingOrFailed" }
            ),
        }
    }

    fn manifest(&self, name: &str) -> String {
        let (version, kind) = self.kind();
        let (selector, restarts) = if self.is_job() {
            (String::new(), "restartPolicy: Never, ")
        } else {
            (format!("selector: {{matchLabels: {{app: {name}}}}}, "), "")
        };
        let probe = if self.is_job() {
            ""
        } else {
            ", readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 2}"
        };
        format!(
            "        - {{apiVersion: {version}, kind: {kind}, metadata: {{name: {name}}}, spec: \
             {{{}, {selector}template: {{metadata: {{labels: {{app: {name}}}}}, spec: \
             {{{restarts}terminationGracePeriodSeconds: 5, containers: [{{name: c, image: 'i:1', \
             resources: {{requests: {{cpu: 100m, memory: 64Mi}}}}{probe}}}]}}}}}}}}\n",
            self.spec()
        )
    }

    fn behaviour(&self, name: &str) -> String {
        let fails = matches!(self, Self::Job { fails: true, .. });
        let runs = if self.is_job() {
            format!(", runs: {{for: 40s, fails: {}}}", if fails { 0.3 } else { 0.0 })
        } else {
            String::new()
        };
        format!("    - {{selector: {{matchLabels: {{app: {name}}}}}, startup: 3s{runs}}}\n")
    }
}

fn object() -> impl Strategy<Value = Object> {
    prop_oneof![
        (0..6u32, any::<bool>(), 0..3u32, 0..3u32).prop_map(
            |(replicas, recreate, surge, unavailable)| Object::Deployment {
                replicas,
                recreate,
                surge,
                unavailable
            }
        ),
        (0..5u32, any::<bool>(), 0..3u32).prop_map(|(replicas, parallel, partition)| {
            Object::StatefulSet { replicas, parallel, partition }
        }),
        any::<bool>().prop_map(|surge| Object::DaemonSet { surge }),
        (1..6u32, 1..4u32, any::<bool>(), any::<bool>(), 0..4u32).prop_map(
            |(completions, parallelism, indexed, fails, retries)| Object::Job {
                completions,
                parallelism,
                indexed,
                fails,
                retries
            }
        ),
    ]
}

/// Something that befalls the cluster within the first ten minutes and is over within twenty.
fn mishap() -> impl Strategy<Value = String> {
    let kinds = prop::sample::select(vec![
        "nodeCrash: {node: NODE}",
        "kubeletCrash: {node: NODE}",
        "networkPartition: {node: NODE}",
        "zoneOutage: {zone: b}",
        "controllerManagerCrash: {}",
        "schedulerCrash: {}",
        "apiServerOutage: {}",
        "etcdMembersLost: {members: 2}",
    ]);
    let nodes = prop::sample::select(vec!["a-0", "a-1", "b-0", "c-0"]);
    (kinds, nodes, 10..600u32, 5..600u32).prop_map(|(kind, node, at, lasts)| {
        let kind = kind.replace("NODE", node);
        let (open, rest) = kind.split_once('{').expect("a mapping");
        let comma = if rest == "}" { "" } else { ", " };
        format!("    - {{at: {at}s, {open}{{for: {lasts}s{comma}{rest}}}\n")
    })
}

/// What somebody does meanwhile; `w0` is always there, whatever it is.
fn action(first: &Object) -> BoxedStrategy<String> {
    let nodes = prop::sample::select(vec!["a-0", "a-1", "b-0", "c-0"]);
    let drain = (nodes, 10..600u32, 20..400u32).prop_map(|(node, at, later)| {
        format!(
            "    - {{at: {at}s, drain: {{node: {node}}}}}\n    - {{at: {}s, uncordon: {{node: \
             {node}}}}}\n",
            at + later
        )
    });
    if first.is_job() {
        return drain.boxed();
    }
    let restart = (10..600u32)
        .prop_map(|at| format!("    - {{at: {at}s, rolloutRestart: {{workload: default/w0}}}}\n"));
    prop_oneof![drain, restart].boxed()
}

/// The last value of a series.
fn last(run: &Run, metric: &str, labels: &str) -> f64 {
    run.series(metric, labels).last().map_or(0.0, |(_, value)| *value)
}

/// No two pods of one name at a time.
fn names_are_unique(run: &Run) -> Result<(), TestCaseError> {
    let mut lives: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    for pod in run.table("pods.csv") {
        let gone = Some(&pod["deleted_seconds"]).filter(|text| !text.is_empty());
        let life = (number(&pod["created_seconds"]), gone.map_or(f64::INFINITY, |at| number(at)));
        lives.entry(pod["name"].clone()).or_default().push(life);
    }
    for (name, mut of) in lives {
        of.sort_by(|a, b| a.0.total_cmp(&b.0));
        for pair in of.windows(2) {
            prop_assert!(pair[0].1 <= pair[1].0, "{name} twice: {pair:?}");
        }
    }
    Ok(())
}

fn converged(run: &Run, objects: &[Object]) -> Result<(), TestCaseError> {
    for (index, object) in objects.iter().enumerate() {
        let labels = format!("workload=\"default/w{index}\"");
        let ready = last(run, "workload_replicas_ready", &labels);
        match *object {
            Object::Deployment { replicas, .. } | Object::StatefulSet { replicas, .. } => {
                prop_assert!(same(ready, f64::from(replicas)), "w{index} {object:?}: {ready}");
            }
            Object::DaemonSet { .. } => {
                prop_assert!(same(ready, 4.0), "w{index} {object:?}: {ready}");
            }
            Object::Job { .. } => {
                let ended = run.metric("jobs_complete_total", &labels)
                    + run.metric("jobs_failed_total", &labels);
                prop_assert!(same(ended, 1.0), "w{index} {object:?}: {ended}");
            }
        }
    }
    let pods = run.table("pods.csv");
    let left = pods.iter().filter(|pod| {
        pod["deleted_seconds"].is_empty() && !["Succeeded", "Failed"].contains(&&*pod["phase"])
    });
    let wanted: f64 = objects
        .iter()
        .map(|object| match *object {
            Object::Deployment { replicas, .. } | Object::StatefulSet { replicas, .. } => {
                f64::from(replicas)
            }
            Object::DaemonSet { .. } => 4.0,
            Object::Job { .. } => 0.0,
        })
        .sum();
    #[expect(clippy::cast_precision_loss, reason = "a few pods")]
    let left = left.count() as f64;
    prop_assert!(same(left, wanted), "{left} pods are left where {wanted} are wanted");
    Ok(())
}

proptest! {
    #![proptest_config(Config { cases: 40, failure_persistence: None, ..Config::default() })]

    #[test]
    fn once_it_is_quiet_everything_is_as_desired(
        (objects, actions) in prop::collection::vec(object(), 1..5).prop_flat_map(|objects| {
            let actions = prop::collection::vec(action(&objects[0]), 0..3);
            (Just(objects), actions)
        }),
        mishaps in prop::collection::vec(mishap(), 0..4),
    ) {
        let named = || objects.iter().enumerate().map(|(at, object)| (object, format!("w{at}")));
        let manifests: String = named().map(|(object, name)| object.manifest(&name)).collect();
        let behaviour: String = named().map(|(object, name)| object.behaviour(&name)).collect();
        let list = |key: &str, entries: &[String]| {
            if entries.is_empty() { String::new() } else { format!("  {key}:\n{}", entries.concat()) }
        };
        let spec = cluster(&[("a", 2), ("b", 1), ("c", 1)])
            + "  workloads:\n    - objects:\n" + &manifests
            + "  behaviour:\n" + &behaviour
            + &list("faults", &mishaps)
            + &list("operations", &actions);
        let text = scenario("70m", &spec, "");
        let run = Run::of(&text);
        names_are_unique(&run)?;
        if let Err(error) = converged(&run, &objects) {
            return Err(TestCaseError::fail(format!("{error}\n{text}")));
        }
    }
}
