//! Changes that must change nothing: a label that nobody selects on, other names.
//!
//! The storm and every tie are addressed by ordinals, so a renamed object is the same object.
//! Where tables are sorted by name, their rows move: they are compared as sets of rows. Kubernetes
//! itself looks at names in two places that are left out here: the order of files in a folder
//! decides the order of objects (`kubectl apply -f` does the same), and `lowestName` breaks ties.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{root, wavetank};

/// One change to the scenarios' files. New names are words that occur nowhere else, since pods'
/// hashed names hold no vowels.
struct Change {
    what: &'static str,
    /// Text and what replaces it, in every file.
    edits: &'static [(&'static str, &'static str)],
    /// New name and old name, for the way back.
    back: &'static [(&'static str, &'static str)],
}

const CHANGES: &[Change] = &[
    Change {
        what: "a label that nobody selects on",
        edits: &[("labels: {", "labels: {aaa-nobody: asks, ")],
        back: &[],
    },
    Change {
        what: "a Deployment's name",
        edits: &[
            (
                "kind: Deployment\nmetadata:\n  name: cart\n",
                "kind: Deployment\nmetadata:\n  name: zoocart\n",
            ),
            (
                "kind: Deployment\nmetadata:\n  name: web\n",
                "kind: Deployment\nmetadata:\n  name: aaaweb\n",
            ),
            (
                "kind: Deployment\nmetadata: {name: crashes,",
                "kind: Deployment\nmetadata: {name: zoocrashes,",
            ),
            (
                "kind: Deployment\nmetadata: {name: wide,",
                "kind: Deployment\nmetadata: {name: aaawide,",
            ),
        ],
        back: &[
            ("zoocart", "cart"),
            ("aaaweb", "web"),
            ("zoocrashes", "crashes"),
            ("aaawide", "wide"),
        ],
    },
    Change {
        what: "a Service's name",
        edits: &[
            (
                "kind: Service\nmetadata:\n  name: cart\n",
                "kind: Service\nmetadata:\n  name: zoocart\n",
            ),
            (
                "kind: Service\nmetadata: {name: crashes,",
                "kind: Service\nmetadata: {name: zoocrashes,",
            ),
        ],
        back: &[("zoocart", "cart"), ("zoocrashes", "crashes")],
    },
    Change {
        what: "a namespace's name",
        edits: &[
            ("namespace: shop", "namespace: zooshop"),
            (
                "kind: Namespace\nmetadata:\n  name: shop\n",
                "kind: Namespace\nmetadata:\n  name: zooshop\n",
            ),
            ("namespace: health", "namespace: aaahealth"),
            ("metadata: {name: health}", "metadata: {name: aaahealth}"),
            ("\"health/", "\"aaahealth/"),
            ("namespace: batch", "namespace: zoobatch"),
            ("metadata: {name: batch}", "metadata: {name: zoobatch}"),
        ],
        back: &[("zooshop", "shop"), ("aaahealth", "health"), ("zoobatch", "batch")],
    },
    Change {
        what: "a container's name",
        edits: &[("containers:\n        - name: ", "containers:\n        - name: zoo-")],
        back: &[("zoo-", "")],
    },
    Change {
        what: "an image's name",
        edits: &[("image: registry.", "image: zooregistry.")],
        back: &[("zooregistry", "registry")],
    },
    Change {
        what: "a node pool's name",
        edits: &[
            ("- name: general\n", "- name: zoogeneral\n"),
            ("{node: general-", "{node: zoogeneral-"),
            ("- name: small\n", "- name: zoosmall\n"),
        ],
        back: &[("zoogeneral", "general"), ("zoosmall", "small")],
    },
    Change {
        what: "zones' names",
        edits: &[
            ("zones: [a, b", "zones: [zooa, b"),
            ("zones: [a]", "zones: [zooa]"),
            ("b, c]", "b, aaac]"),
            ("zoneOutage: {zone: a,", "zoneOutage: {zone: zooa,"),
            ("topology.kubernetes.io/zone: a}", "topology.kubernetes.io/zone: zooa}"),
        ],
        back: &[("zooa", "a"), ("aaac", "c")],
    },
    Change {
        what: "a PriorityClass's name",
        edits: &[("shop-critical", "zoocritical")],
        back: &[("zoocritical", "shop-critical")],
    },
    Change {
        what: "a policy's name",
        edits: &[
            ("fast-failover", "aaafailover"),
            ("patient", "aaapatient"),
            ("ratio]", "aaaratio]"),
            ("name: ratio\n", "name: aaaratio\n"),
            ("  name: best-fit\n", "  name: zoofit\n"),
            ("no-preemption", "aaanobody"),
        ],
        back: &[
            ("aaafailover", "fast-failover"),
            ("aaapatient", "patient"),
            ("aaaratio", "ratio"),
            ("zoofit", "best-fit"),
            ("aaanobody", "no-preemption"),
        ],
    },
    Change {
        what: "the scenario's name",
        edits: &[
            ("  name: zone-outage\n", "  name: zoooutage\n"),
            ("  name: health-check\n", "  name: aaacheck\n"),
            ("  name: bin-packing\n", "  name: zoopacking\n"),
            ("  name: control-plane-restart\n", "  name: aaarestart\n"),
            ("  name: placement\n", "  name: zooplacement\n"),
            ("  name: priorities\n", "  name: zoopriorities\n"),
        ],
        back: &[
            ("zoooutage", "zone-outage"),
            ("aaacheck", "health-check"),
            ("zoopacking", "bin-packing"),
            ("aaarestart", "control-plane-restart"),
            ("zooplacement", "placement"),
            ("zoopriorities", "priorities"),
        ],
    },
];

fn replaced(text: &str, pairs: &[(&str, &str)]) -> String {
    pairs.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// Copies a folder with edits; returns the names of the files that changed.
fn copy(from: &Path, to: &Path, edits: &[(&str, &str)]) -> Vec<PathBuf> {
    let mut changed = Vec::new();
    for (name, bytes) in super::files(from) {
        let text = String::from_utf8(bytes).unwrap();
        let edited = replaced(&text, edits);
        let path = to.join(&name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, &edited).unwrap();
        if edited != text {
            changed.push(name);
        }
    }
    changed
}

/// Every table that a comparison writes, old names put back, rows sorted.
fn tables(dir: &Path, scenario: &str, back: &[(&str, &str)]) -> BTreeMap<String, Vec<String>> {
    let replications = if super::full_tier() { "5" } else { "2" };
    let args = ["compare", scenario, "-n", replications, "--out", "out"];
    let output = wavetank(dir, &[], &args);
    assert!(matches!(output.status.code(), Some(0 | 3)), "{output:?}");
    let mut out = BTreeMap::new();
    for (path, bytes) in super::files(&dir.join("out")) {
        if path.extension().is_some_and(|extension| extension == "csv") {
            let text = replaced(&String::from_utf8(bytes).unwrap(), back);
            let mut rows: Vec<String> = text.lines().map(str::to_owned).collect();
            rows.sort();
            out.insert(replaced(path.to_str().unwrap(), back), rows);
        }
    }
    out
}

const SCENARIOS: &[&str] = &[
    "health-check.yaml",
    "control-plane-restart.yaml",
    "bin-packing.yaml",
    "zone-outage.yaml",
    "stateful-failover.yaml",
    "batch-and-services.yaml",
    "rolling-update.yaml",
    "zonal-volumes.yaml",
    "placement.yaml",
    "priorities.yaml",
    "liveness-cascade.yaml",
    "six-minute-failover.yaml",
    "partition.yaml",
    "etcd-quorum-loss.yaml",
    "controller-manager-crash.yaml",
    "node-failures.yaml",
    "failure-trace.yaml",
    "node-reboot.yaml",
    "ailing-nodes.yaml",
    "readiness-gate.yaml",
    "node-pressure.yaml",
    "image-registry-down.yaml",
    "kubelet-crash.yaml",
    "webhook-down.yaml",
    "spot-storm.yaml",
];

/// Scenarios whose policies are built in and cannot be renamed.
const NOT_TRIED: &[&str] = &["first.yaml"];

/// Whether a change concerns what a scenario reads.
fn concerns(scenario: &str, changed: &[PathBuf]) -> bool {
    let text = std::fs::read_to_string(root().join("scenarios").join(scenario)).unwrap();
    changed.iter().any(|file| {
        let folder = file.parent().and_then(Path::to_str).unwrap_or_default();
        file == Path::new(scenario) || !folder.is_empty() && text.contains(folder)
    })
}

/// Runs a scenario as it is and with every change that concerns it.
fn hold(scenario: &str) {
    let scenarios = root().join("scenarios");
    let dir = tempfile::tempdir().unwrap();
    copy(&scenarios, dir.path(), &[]);
    let original = tables(dir.path(), scenario, &[]);
    assert!(original.len() >= 10, "{scenario}: {:?}", original.keys());
    for change in CHANGES {
        let dir = tempfile::tempdir().unwrap();
        let changed = copy(&scenarios, dir.path(), change.edits);
        if !concerns(scenario, &changed) {
            continue;
        }
        let other = tables(dir.path(), scenario, change.back);
        let names = |tables: &BTreeMap<String, _>| tables.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&original), names(&other), "{scenario}: {}", change.what);
        for (table, rows) in &original {
            let differing = rows.iter().zip(&other[table]).find(|(one, other)| one != other);
            assert_eq!(differing, None, "{scenario}: {} changes {table}", change.what);
            assert_eq!(rows.len(), other[table].len(), "{scenario}: {table}");
        }
    }
}

#[test]
fn nothing_changes_in_health_check() {
    hold(SCENARIOS[0]);
}

#[test]
fn nothing_changes_in_control_plane_restart() {
    hold(SCENARIOS[1]);
}

#[test]
fn nothing_changes_in_bin_packing() {
    hold(SCENARIOS[2]);
}

#[test]
fn nothing_changes_in_zone_outage() {
    hold(SCENARIOS[3]);
}

#[test]
fn nothing_changes_in_placement() {
    hold("placement.yaml");
}

#[test]
fn nothing_changes_in_priorities() {
    hold("priorities.yaml");
}

#[test]
fn nothing_changes_in_zonal_volumes() {
    hold("zonal-volumes.yaml");
}

#[test]
fn nothing_changes_in_liveness_cascade() {
    hold("liveness-cascade.yaml");
}

#[test]
fn nothing_changes_in_six_minute_failover() {
    hold("six-minute-failover.yaml");
}

#[test]
fn nothing_changes_in_partition() {
    hold("partition.yaml");
}

#[test]
fn nothing_changes_in_etcd_quorum_loss() {
    hold("etcd-quorum-loss.yaml");
}

#[test]
fn nothing_changes_in_image_registry_down() {
    hold("image-registry-down.yaml");
}

#[test]
fn nothing_changes_in_kubelet_crash() {
    hold("kubelet-crash.yaml");
}

#[test]
fn nothing_changes_in_webhook_down() {
    hold("webhook-down.yaml");
}

#[test]
fn nothing_changes_in_spot_storm() {
    hold("spot-storm.yaml");
}

#[test]
fn nothing_changes_in_controller_manager_crash() {
    hold("controller-manager-crash.yaml");
}

#[test]
fn nothing_changes_in_ailing_nodes() {
    hold("ailing-nodes.yaml");
}

#[test]
fn nothing_changes_in_readiness_gate() {
    hold("readiness-gate.yaml");
}

#[test]
fn nothing_changes_in_node_reboot() {
    hold("node-reboot.yaml");
}

#[test]
fn nothing_changes_in_failure_trace() {
    hold("failure-trace.yaml");
}

#[test]
fn nothing_changes_in_node_pressure() {
    hold("node-pressure.yaml");
}

#[test]
fn nothing_changes_in_stateful_failover() {
    hold("stateful-failover.yaml");
}

#[test]
fn nothing_changes_in_batch_and_services() {
    hold("batch-and-services.yaml");
}

#[test]
fn nothing_changes_in_rolling_update() {
    hold("rolling-update.yaml");
}

/// Every text that is replaced is there, every shipped scenario is tried or named, and every
/// change concerns one that is tried.
#[test]
fn every_change_changes_something() {
    let scenarios = root().join("scenarios");
    for (name, _) in super::files(&scenarios) {
        let name = name.to_str().unwrap();
        let known = SCENARIOS.contains(&name) || NOT_TRIED.contains(&name);
        assert!(known || name.contains('/'), "{name} is not tried");
    }
    for change in CHANGES {
        for edit in change.edits {
            let dir = tempfile::tempdir().unwrap();
            let changed = copy(&scenarios, dir.path(), &[*edit]);
            let concerned = SCENARIOS.iter().any(|scenario| concerns(scenario, &changed));
            assert!(concerned, "{}: {edit:?} changes nothing", change.what);
        }
    }
}
