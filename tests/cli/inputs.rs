//! Inputs that we did not write, and damaged ones that we did.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof};
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use wavetank::lint::{check_manifests, check_scenario};
use wavetank::scenario::built_in;
use wavetank::scenario::compile::compile;
use wavetank::scenario::file::{FileReader, LoadedFile};

use super::{full_tier, root, shared, wavetank};

/// Exit code and both outputs of `validate`.
fn validate(path: &Path) -> (Option<i32>, String, String) {
    let output = wavetank(&root(), &[], &["validate", path.to_str().unwrap()]);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn real_manifests_load_file_by_file_and_folder_by_folder() {
    let Some(inputs) = shared("inputs/manifests") else { return };
    let (mut seen, mut stated) = (0, 0);
    for (file, _) in super::files(&inputs) {
        if file.extension().is_some_and(|e| e == "yaml" || e == "yml" || e == "json") {
            seen += 1;
            let (code, said, found) = validate(&inputs.join(&file));
            assert_eq!(code, Some(0), "{}: {found}", file.display());
            stated +=
                u32::from(said.contains("without effect:") || said.contains("not known here"));
        }
    }
    assert!(seen > 50 && stated > 50, "only {seen} manifests, {stated} say what has no effect");
    let mut folders = 0;
    for entry in std::fs::read_dir(&inputs).unwrap() {
        let (code, said, found) = validate(&entry.unwrap().path());
        assert_eq!(code, Some(0), "{found}");
        assert!(said.contains("simulated: "), "{said}");
        folders += 1;
    }
    assert!(folders >= 5, "only {folders} applications");
}

/// Dumps, other tools' formats and scheduler configurations: taken, or refused with a place.
#[test]
fn foreign_files_end_in_a_verdict() {
    let mut seen = 0;
    for below in ["inputs/cluster-dumps", "inputs/formats", "inputs/scheduler-configs"] {
        let Some(inputs) = shared(below) else { return };
        for (file, _) in super::files(&inputs) {
            seen += 1;
            let (code, said, found) = validate(&inputs.join(&file));
            match code {
                Some(0) => assert!(said.contains(": ok"), "{}: {said}", file.display()),
                Some(2) => assert!(found.contains(" --> "), "{}: {found}", file.display()),
                _ => panic!("{}: {code:?} {found}", file.display()),
            }
        }
        let (code, _, found) = validate(&inputs);
        assert!(matches!(code, Some(0 | 2)), "{below}: {found}");
    }
    assert!(seen > 300, "only {seen} files");
}

#[test]
fn foreign_plugins_are_refused_by_name() {
    let Some(configs) = shared("inputs/scheduler-configs/manifests") else { return };
    for (file, plugin) in [
        ("coscheduling/scheduler-config.yaml", "Coscheduling"),
        ("capacityscheduling/scheduler-config.yaml", "CapacityScheduling"),
        ("qos/scheduler-config.yaml", "QOSSort"),
    ] {
        let (code, _, found) = validate(&configs.join(file));
        assert_eq!(code, Some(2), "{file}: {found}");
        assert!(found.contains(&format!("`{plugin}`")) && found.contains("^^^"), "{found}");
    }
}

const CONFIG: &str = "apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
leaderElection: {leaderElect: false}
profiles:
  - schedulerName: default-scheduler
    plugins: {score: {disabled: [{name: PodTopologySpread}, {name: NodeResourcesBalancedAllocation}]}}
    pluginConfig:
      - name: NodeResourcesFit
        args: {scoringStrategy: {type: MostAllocated}}
";

#[test]
fn scheduler_configurations_are_checked_and_used() {
    let dir = tempfile::tempdir().unwrap();
    let check = |text: &str| {
        std::fs::write(dir.path().join("scheduler.yaml"), text).unwrap();
        validate(&dir.path().join("scheduler.yaml"))
    };
    let (code, said, found) = check(CONFIG);
    assert_eq!(code, Some(0), "{found}");
    assert!(said.contains("scheduler configuration, 1 profile"), "{said}");
    let (code, _, found) = check(&CONFIG.replace("io/v1\n", "io/v1beta3\n"));
    assert_eq!(code, Some(0), "{found}");
    assert!(found.contains("note[N002]"), "{found}");
    for (good, bad, said) in [
        ("io/v1\n", "io/v1beta1\n", "error[E030]"),
        ("- name: NodeResourcesFit", "- name: NodeResourceFit", "did you mean `NodeResourcesFit`?"),
        ("- name: NodeResourcesFit", "- name: Coscheduling", "`Coscheduling`"),
        ("profiles:", "extenders: [{urlPrefix: 'http://here/'}]\nprofiles:", "extenders"),
        ("type: MostAllocated", "type: MostAlocated", "did you mean \"MostAllocated\"?"),
        ("schedulerName", "schedulerNam", "did you mean \"schedulerName\"?"),
        (
            "leaderElection:",
            "---\nkind: Pod\n---\nleaderElection:",
            "one KubeSchedulerConfiguration only",
        ),
    ] {
        let (code, _, found) = check(&CONFIG.replace(good, bad));
        assert_eq!(code, Some(2), "{bad}: {found}");
        assert!(found.contains(said) && found.contains("scheduler.yaml:"), "{bad}: {found}");
    }
    // The same file under a policy decides where pods go.
    check(CONFIG);
    let nodes_used = |policy: &str| {
        let text = format!("{}---\n{policy}", scenario("4", 2, ""));
        std::fs::write(dir.path().join("s.yaml"), text).unwrap();
        let output = wavetank(dir.path(), &[], &["run", "s.yaml", "--policy", "p", "--out", "out"]);
        assert!(output.status.success(), "{output:?}");
        let (_, pods) = table(&dir.path().join("out/boutique/p/1-0"), "pods.csv");
        let mut nodes: Vec<String> = pods.iter().map(|pod| pod["node"].clone()).collect();
        nodes.sort();
        nodes.dedup();
        nodes.len()
    };
    let policy = "apiVersion: wavetank/v1\nkind: Policy\nmetadata: {name: p}\nspec: ";
    let spread = nodes_used(&format!("{policy}{{}}\n"));
    let packed = nodes_used(&format!("{policy}{{scheduler: {{file: scheduler.yaml}}}}\n"));
    assert!(packed < spread, "{packed} nodes packed, {spread} spread");
}

/// A cluster of `per_zone` nodes in each of three zones, of which one is lost after half an hour.
fn scenario(cpu: &str, per_zone: u32, manifests: &str) -> String {
    let workloads = if manifests.is_empty() {
        "[{objects: [{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {replicas: 6, \
         selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: \
         {containers: [{name: web, image: 'web:1', resources: {requests: {cpu: 500m, memory: \
         1Gi}}}]}}}}]}]"
            .to_owned()
    } else {
        format!("[{{manifests: {manifests}}}]")
    };
    format!(
        "apiVersion: wavetank/v1
kind: Scenario
metadata: {{name: boutique}}
spec:
  duration: 2h
  cluster:
    nodePools:
      - name: n
        count: {}
        zones: [a, b, c]
        template: {{status: {{allocatable: {{cpu: \"{cpu}\", memory: 8Gi}}}}}}
  workloads: {workloads}
  faults: [{{at: 30m, zoneOutage: {{zone: a, for: LASTS}}}}]
",
        3 * per_zone
    )
    .replace("for: LASTS", if manifests.is_empty() { "for: 1m" } else { "for: 30m" })
}

type Row = BTreeMap<String, String>;

/// A table by its columns' names.
fn table(run: &Path, name: &str) -> (PathBuf, Vec<Row>) {
    let path = run.join(name);
    let mut reader = csv::Reader::from_path(&path).unwrap();
    (path, reader.deserialize().map(|row| row.unwrap()).collect())
}

/// Runs online-boutique for two hours; returns the run's folder inside `dir`.
fn boutique(dir: &Path, text: &str) -> PathBuf {
    std::fs::write(dir.join("boutique.yaml"), text).unwrap();
    let output = wavetank(dir, &[], &["run", "boutique.yaml", "--verify", "--out", "out"]);
    assert!(output.status.success(), "{output:?}");
    dir.join("out/boutique/default/1-0")
}

/// Pods that are there at the end, by workload: ready ones and all.
fn at_the_end(run: &Path) -> BTreeMap<String, (usize, usize)> {
    let mut out: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for pod in table(run, "pods.csv").1 {
        if pod["deleted_seconds"].is_empty() {
            let (ready, all) = out.entry(pod["workload"].clone()).or_default();
            *ready += usize::from(!pod["ready_seconds"].is_empty());
            *all += 1;
        }
    }
    out
}

const BOUTIQUE: &str = "inputs/manifests/online-boutique/release/kubernetes-manifests.yaml";

#[test]
fn a_real_application_survives_the_loss_of_a_zone() {
    let Some(manifests) = shared(BOUTIQUE) else { return };
    let dir = tempfile::tempdir().unwrap();
    let run = boutique(dir.path(), &scenario("2", 2, manifests.to_str().unwrap()));
    let end = at_the_end(&run);
    assert_eq!(end.len(), 12, "{end:?}");
    assert!(end.values().all(|counts| *counts == (1, 1)), "{end:?}");
    // Those of the lost zone were given up and started elsewhere, after grace and tolerance.
    let (_, pods) = table(&run, "pods.csv");
    let lost: Vec<&Row> =
        pods.iter().filter(|p| p["zone"] == "a" && p["created_seconds"] == "0").collect();
    assert!(!lost.is_empty(), "nothing stood in the zone");
    let replaced: Vec<&Row> = pods.iter().filter(|p| p["created_seconds"] != "0").collect();
    assert_eq!(lost.len(), replaced.len());
    for pod in &replaced {
        let created: f64 = pod["created_seconds"].parse().unwrap();
        assert!((2140.0..2200.0).contains(&created), "{pod:?}");
        assert_ne!(pod["zone"], "a", "{pod:?}");
    }
    let (_, events) = table(&run, "events.csv");
    let count = |reason: &str| events.iter().filter(|event| event["reason"] == reason).count();
    assert_eq!(count("TaintManagerEviction"), lost.len());
    assert_eq!(count("Scheduled"), replaced.len());
    assert_eq!(count("FailedScheduling"), 0);
}

#[test]
fn where_room_is_short_pods_wait_and_the_output_says_why() {
    let Some(manifests) = shared(BOUTIQUE) else { return };
    let dir = tempfile::tempdir().unwrap();
    // Three small nodes just hold the application; the zone never comes back.
    let text = scenario("800m", 1, manifests.to_str().unwrap()).replace(", for: 30m", "");
    let run = boutique(dir.path(), &text);
    let (_, pods) = table(&run, "pods.csv");
    let pending: Vec<&Row> = pods.iter().filter(|pod| pod["phase"] == "Pending").collect();
    assert!(!pending.is_empty(), "{pods:?}");
    let (_, events) = table(&run, "events.csv");
    for pod in pending {
        assert!(pod["node"].is_empty() && pod["scheduled_seconds"].is_empty(), "{pod:?}");
        let why = events
            .iter()
            .find(|event| event["name"] == pod["name"] && event["reason"] == "FailedScheduling");
        let why = &why.expect("a pending pod has a reason")["message"];
        assert!(
            why.starts_with("0/3 nodes are available:")
                && why.contains("2 Insufficient cpu")
                && why.contains("untolerated taint {node.kubernetes.io/unreachable: }"),
            "{why}"
        );
    }
    let summary = std::fs::read_to_string(run.join("summary.json")).unwrap();
    assert!(summary.contains("pending"), "{summary}");
    // Where the zone comes back, what waited is placed.
    let text = scenario("800m", 1, manifests.to_str().unwrap());
    let end = at_the_end(&boutique(dir.path(), &text));
    assert!(end.values().all(|counts| *counts == (1, 1)), "{end:?}");
}

/// A change to a text, told by numbers.
#[derive(Clone, Debug)]
enum Damage {
    DeleteLine(usize),
    DoubleLine(usize),
    SwapLines(usize, usize),
    DeleteWord(usize),
    DoubleWord(usize),
    ReplaceWord(usize, &'static str),
    SwapWords(usize, usize),
    DeleteLetters(usize, usize),
    Insert(usize, &'static str),
}

const WORDS: &[&str] = &[
    "-1",
    ".nan",
    "-.inf",
    "1e400",
    "*a",
    "&a",
    "{{",
    "}",
    "[",
    "]",
    "\t",
    "4294967296",
    "!x",
    "null",
    "~",
    "\u{0}",
    "'",
    "\"",
    "é",
    "9999999h",
    "99999999999999999999",
    "- ",
    ": ",
    "#",
    "|",
    ">",
    "<<: *a",
    "---",
    "...",
    "\u{feff}",
    "\r",
    "2562047h",
    "0s",
    "true",
    "{}",
    "[]",
    "1Ei",
];

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<usize>;
    let word = || (0..WORDS.len()).prop_map(|i| WORDS[i]);
    prop_oneof![
        at().prop_map(Damage::DeleteLine),
        at().prop_map(Damage::DoubleLine),
        (at(), at()).prop_map(|(a, b)| Damage::SwapLines(a, b)),
        at().prop_map(Damage::DeleteWord),
        at().prop_map(Damage::DoubleWord),
        (at(), word()).prop_map(|(at, word)| Damage::ReplaceWord(at, word)),
        (at(), at()).prop_map(|(a, b)| Damage::SwapWords(a, b)),
        (at(), 1..12_usize).prop_map(|(at, n)| Damage::DeleteLetters(at, n)),
        (at(), word()).prop_map(|(at, word)| Damage::Insert(at, word)),
        Just(Damage::Insert(0, "\u{feff}")),
    ]
}

impl Damage {
    fn apply(&self, text: &str) -> String {
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        let mut words: Vec<&str> =
            text.split_inclusive(|c: char| !c.is_alphanumeric() && !"-_./".contains(c)).collect();
        let mut letters: Vec<char> = text.chars().collect();
        if letters.is_empty() {
            return String::new();
        }
        let (line, word) = (|at: usize| at % lines.len(), |at: usize| at % words.len());
        match *self {
            Self::DeleteLine(at) => {
                let at = line(at);
                lines.remove(at);
                lines.concat()
            }
            Self::DoubleLine(at) => {
                let at = line(at);
                lines.insert(at, lines[at]);
                lines.concat()
            }
            Self::SwapLines(a, b) => {
                let (a, b) = (line(a), line(b));
                lines.swap(a, b);
                lines.concat()
            }
            Self::DeleteWord(at) => {
                let at = word(at);
                words.remove(at);
                words.concat()
            }
            Self::DoubleWord(at) => {
                let at = word(at);
                words.insert(at, words[at]);
                words.concat()
            }
            Self::ReplaceWord(at, new) => {
                let at = word(at);
                words[at] = new;
                words.concat()
            }
            Self::SwapWords(a, b) => {
                let (a, b) = (word(a), word(b));
                words.swap(a, b);
                words.concat()
            }
            Self::DeleteLetters(at, n) => {
                let at = at % letters.len();
                letters.drain(at..(at + n).min(letters.len()));
                letters.into_iter().collect()
            }
            Self::Insert(at, new) => {
                let at = at % (letters.len() + 1);
                letters.splice(at..at, new.chars());
                letters.into_iter().collect()
            }
        }
    }
}

/// What `validate` and `lint` do with a file: nothing but acceptance or a located error may come of it.
fn verdict(path: &Path) -> Result<(), String> {
    let mut reader = FileReader::new(built_in::POLICIES);
    let files = reader.any(path).map_err(|error| error.to_string())?;
    let (mut compiled, mut linted) = (true, Vec::new());
    for (_, file) in &files {
        match file {
            LoadedFile::Scenario(loaded) => {
                for policy in &loaded.policies {
                    compiled &= compile(loaded, policy, &mut reader.found).is_some();
                }
                linted.extend(check_scenario(loaded));
            }
            LoadedFile::Manifests(set) => linted.extend(check_manifests(set)),
            LoadedFile::Policies(_) | LoadedFile::SchedulerConfig(_) => {}
        }
    }
    if let Some(finding) = linted.iter().find(|finding| finding.diagnostic.span.is_none()) {
        return Err(format!("a finding without a place: {finding:?}"));
    }
    let located = reader.found.items().iter().any(|finding| finding.span.is_some());
    let printed = reader.found.render(&reader.sources, 50);
    match (reader.found.has_errors(), compiled && !files.is_empty()) {
        (false, true) => Ok(()),
        (true, _) if located && printed.contains(" --> ") => Ok(()),
        _ => Err(format!("neither accepted nor refused with a place: {printed}")),
    }
}

#[test]
fn damaged_scenarios_are_accepted_or_refused_with_a_place() {
    let dir = tempfile::tempdir().unwrap();
    let scenarios = root().join("scenarios");
    let apps = scenarios.join("apps");
    for (name, bytes) in super::files(&apps) {
        let path = dir.path().join("apps").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let mut texts = vec![super::hostile::GOOD.to_owned(), CONFIG.to_owned()];
    let names = [
        "zone-outage",
        "health-check",
        "bin-packing",
        "control-plane-restart",
        "placement",
        "priorities",
    ];
    for name in names {
        texts.push(std::fs::read_to_string(scenarios.join(format!("{name}.yaml"))).unwrap());
    }
    let path = dir.path().join("scenario.yaml");
    let cases = if full_tier() { 20_000 } else { 400 };
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let damages = proptest::collection::vec(damage(), 1..5);
    let strategy = (0..texts.len(), damages);
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    TestRunner::new_with_rng(config, rng)
        .run(&strategy, |(which, damages)| {
            let text = damages.iter().fold(texts[which].clone(), |text, d| d.apply(&text));
            std::fs::write(&path, &text).unwrap();
            verdict(&path).map_err(proptest::test_runner::TestCaseError::fail)
        })
        .unwrap();
}
