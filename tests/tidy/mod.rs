//! House rules that no compiler checks, on every text file of the repository.
//!
//! Each rule is a function from a file (or from the whole tree) to findings, with a test of its
//! own on a bad sample: a rule that cannot fail holds nothing.

mod adapters;
mod layers;
mod source;

use std::fmt;
use std::path::Path;

use source::{Source, line_of};

/// Lines in a Rust file at most, tests included.
const LINES_MAX: usize = 700;

/// Words in a module's name that say nothing of what is in it.
const VAGUE_NAMES: &[&str] =
    &["util", "utils", "common", "helper", "helpers", "manager", "managers", "misc", "tools"];

/// Names that Kubernetes itself gave, vague or not.
const UPSTREAM_NAMES: &[&str] = &["controller_manager"];

/// Left-overs that must not stay in code.
const BANNED_CODE: &[&str] = &["dbg!", "todo!", "unimplemented!", "#[ignore"];

/// Left-overs that must not stay in comments either.
const BANNED_TEXT: &[&str] = &["FIXME", "XXX:"];

/// Folders of one machine. Written in halves, so that this file may be checked too.
const MACHINE_PATHS: &[&str] =
    &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/tmp", "/wt")];

/// A text file: its path from the repository's root with `/`, and its text.
pub(crate) struct TextFile {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl TextFile {
    fn finding(&self, line: usize, what: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line, what: what.into() }
    }

    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }
}

/// A broken rule and where.
pub(crate) struct Finding {
    path: String,
    line: usize,
    what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

fn without_module_doc(file: &TextFile) -> Vec<Finding> {
    if !file.is_rust() || file.text.starts_with("//! ") || file.text.starts_with("//!\n") {
        return Vec::new();
    }
    vec![file.finding(1, "a Rust file opens with `//!` and what it is for")]
}

fn too_long(file: &TextFile) -> Vec<Finding> {
    let lines = file.text.lines().count();
    if !file.is_rust() || lines <= LINES_MAX {
        return Vec::new();
    }
    vec![file.finding(lines, format!("{lines} lines; at most {LINES_MAX}"))]
}

fn banned_words(file: &TextFile) -> Vec<Finding> {
    if !file.is_rust() {
        return Vec::new();
    }
    let source = Source::of(&file.text);
    let mut found = Vec::new();
    for (words, text) in [(BANNED_CODE, &source.code), (BANNED_TEXT, &source.text)] {
        for word in words {
            for (at, _) in text.match_indices(word) {
                found.push(file.finding(line_of(text, at), format!("`{word}` is left over")));
            }
        }
    }
    found
}

/// File, folder and inline module names.
fn vague_names(file: &TextFile) -> Vec<Finding> {
    if !file.is_rust() {
        return Vec::new();
    }
    let mut names: Vec<(usize, &str)> =
        file.path.trim_end_matches(".rs").split('/').map(|name| (1, name)).collect();
    let code = Source::of(&file.text).code;
    for (index, line) in code.lines().enumerate() {
        let mut words = line.split_whitespace().skip_while(|w| *w != "mod").skip(1);
        if let Some(name) = words.next() {
            names.push((index + 1, name.trim_end_matches([';', '{'])));
        }
    }
    let vague = |name: &str| {
        !UPSTREAM_NAMES.contains(&name) && name.split('_').any(|w| VAGUE_NAMES.contains(&w))
    };
    names.retain(|(_, name)| vague(name));
    names
        .into_iter()
        .map(|(line, name)| file.finding(line, format!("`{name}` does not say what is in it")))
        .collect()
}

fn machine_paths(file: &TextFile) -> Vec<Finding> {
    let mut found = Vec::new();
    for path in MACHINE_PATHS {
        for (at, _) in file.text.match_indices(path) {
            let before = file.text[..at].chars().next_back();
            let starts_there = !before.is_some_and(|c| c.is_alphanumeric() || "_-.}".contains(c));
            if starts_there {
                let line = line_of(&file.text, at);
                found.push(file.finding(line, format!("`{path}…` is a path of one machine")));
            }
        }
    }
    found
}

/// Scenarios whose `metadata.description` is missing or empty.
fn undescribed_scenarios(file: &TextFile) -> Vec<Finding> {
    if !file.path.starts_with("scenarios/") || !file.path.ends_with(".yaml") {
        return Vec::new();
    }
    let documents: Vec<serde_json::Value> = match serde_saphyr::from_multiple(&file.text) {
        Ok(documents) => documents,
        Err(error) => return vec![file.finding(1, format!("cannot be read as YAML: {error}"))],
    };
    let ours = documents.iter().filter(|d| {
        d["kind"] == "Scenario" && d["apiVersion"].as_str().unwrap_or("").starts_with("wavetank/")
    });
    ours.filter(|d| d["metadata"]["description"].as_str().is_none_or(|t| t.trim().is_empty()))
        .map(|d| file.finding(1, format!("scenario {} has no description", d["metadata"]["name"])))
        .collect()
}

/// Module folders of `src/` that `ARCHITECTURE.md` does not name, once there is one. A folder is
/// named as `` `name` ``, `name/` or `…::name`; one that holds nothing but tests needs no name.
fn unmapped_modules(tree: &[TextFile]) -> Vec<Finding> {
    let Some(map) = tree.iter().find(|f| f.path == "ARCHITECTURE.md") else { return Vec::new() };
    let mut folders: Vec<&str> = tree
        .iter()
        .filter(|f| f.path.starts_with("src/") && !f.path.ends_with("/tests.rs"))
        .filter_map(|f| f.path.rsplit_once('/')?.0.strip_prefix("src/"))
        .flat_map(|folder| folder.match_indices('/').map(|(i, _)| &folder[..i]).chain([folder]))
        .collect();
    folders.sort_unstable();
    folders.dedup();
    let named = |folder: &str| {
        let name = folder.rsplit('/').next().unwrap_or(folder);
        let forms = [format!("`{name}`"), format!("`{name}::"), format!("::{name}")];
        let as_folder = format!("{name}/");
        forms.iter().any(|form| map.text.contains(form))
            || map.text.match_indices(&as_folder).any(|(at, _)| {
                let before = map.text[..at].chars().next_back();
                !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
            })
    };
    folders
        .into_iter()
        .filter(|folder| !named(folder))
        .map(|folder| map.finding(1, format!("does not name the module folder src/{folder}")))
        .collect()
}

/// Files with a `Fidelity:` mark that `docs/fidelity.md` does not list, once there is one.
fn unlisted_deviations(tree: &[TextFile]) -> Vec<Finding> {
    let Some(list) = tree.iter().find(|f| f.path == "docs/fidelity.md") else { return Vec::new() };
    let mut found = Vec::new();
    for file in tree.iter().filter(|f| f.is_rust()) {
        let Some(inside) = file.path.strip_prefix("src/") else { continue };
        let text = Source::of(&file.text).text;
        if let Some(at) = text.find("Fidelity:").filter(|_| !list.text.contains(inside)) {
            let what = "a deviation that docs/fidelity.md does not list";
            found.push(file.finding(line_of(&text, at), what));
        }
    }
    found
}

/// Every text file of the repository, by path; what git ignores or keeps for itself left out.
fn repository() -> Vec<TextFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect(root, "", &mut files);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<TextFile>) {
    let entries = std::fs::read_dir(folder).expect("the repository can be listed");
    for entry in entries.map(|e| e.expect("the repository can be listed")) {
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let ignored_result = path.starts_with("results/")
            && path != "results/README.md"
            && !format!("{path}/").starts_with("results/sample/");
        if [".git", "target"].contains(&path.as_str()) || ignored_result {
            continue;
        }
        let kind = entry.file_type().expect("an entry has a type");
        if kind.is_dir() {
            collect(&entry.path(), &format!("{path}/"), files);
        } else if kind.is_file() {
            let bytes = std::fs::read(entry.path()).expect("the repository can be read");
            if let Some(text) = String::from_utf8(bytes).ok().filter(|t| !t.contains('\0')) {
                files.push(TextFile { path, text });
            }
        }
    }
}

/// What `rule` finds in a file made for a test.
#[cfg(test)]
fn findings(rule: impl Fn(&TextFile) -> Vec<Finding>, path: &str, text: &str) -> Vec<String> {
    let found = rule(&TextFile { path: path.into(), text: text.into() });
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn the_repository_is_tidy() {
    let tree = repository();
    let rules = [
        without_module_doc,
        too_long,
        banned_words,
        vague_names,
        machine_paths,
        undescribed_scenarios,
        layers::upward_uses,
        adapters::deciding_adapters,
    ];
    let mut found: Vec<Finding> =
        tree.iter().flat_map(|file| rules.iter().flat_map(|rule| rule(file))).collect();
    found.extend(layers::misplaced_io(&tree));
    found.extend(unmapped_modules(&tree));
    found.extend(unlisted_deviations(&tree));
    let told: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert!(told.is_empty(), "{} findings:\n{}", told.len(), told.join("\n"));
}

#[test]
fn the_whole_repository_is_looked_at() {
    let tree = repository();
    for path in ["Cargo.toml", "src/lib.rs", "src/tables.rs", "tests/tidy/mod.rs"] {
        assert!(tree.iter().any(|f| f.path == path), "{path} was not read");
    }
    let outside = |f: &&TextFile| f.path.starts_with("target/") || f.path.starts_with(".git/");
    assert_eq!(tree.iter().filter(outside).count(), 0);
}

#[test]
fn a_file_without_a_header_is_found() {
    assert_eq!(findings(without_module_doc, "src/a.rs", "use x;\n//! late").len(), 1);
    assert_eq!(findings(without_module_doc, "src/a.rs", "//! What.\n").len(), 0);
    assert_eq!(findings(without_module_doc, "a.yaml", "x: 1").len(), 0);
}

#[test]
fn a_long_file_is_found() {
    assert_eq!(findings(too_long, "src/a.rs", &"\n".repeat(LINES_MAX)).len(), 0);
    let found = findings(too_long, "src/a.rs", &"\n".repeat(LINES_MAX + 1));
    assert_eq!(found, ["src/a.rs:701: 701 lines; at most 700"]);
}

#[test]
fn left_overs_are_found_in_code_and_not_in_strings() {
    let text = "fn f() { dbg!(1); }\n// FIXME: later\n#[ignore = \"slow\"]\n";
    let found = findings(banned_words, "src/a.rs", text);
    assert_eq!(
        found,
        [
            "src/a.rs:1: `dbg!` is left over",
            "src/a.rs:3: `#[ignore` is left over",
            "src/a.rs:2: `FIXME` is left over",
        ]
    );
    let quoted = "// no todo! here\nlet words = [\"FIXME\", \"dbg!\", r\"#[ignore\"];";
    assert_eq!(findings(banned_words, "src/a.rs", quoted), Vec::<String>::new());
}

#[test]
fn vague_names_are_found() {
    for (path, text, line) in [
        ("src/kubelet/utils.rs", "", 1),
        ("src/common/mod.rs", "", 1),
        ("src/string_util.rs", "", 1),
        ("src/a.rs", "//!\npub(crate) mod helpers;", 2),
        ("src/a.rs", "mod misc {", 1),
    ] {
        let found = findings(vague_names, path, text);
        assert_eq!(found.len(), 1, "{path}: {found:?}");
        assert!(found[0].starts_with(&format!("{path}:{line}: ")), "{found:?}");
    }
    for path in ["src/utilisation.rs", "src/controller_manager.rs", "src/commonality.rs"] {
        assert_eq!(findings(vague_names, path, "mod model; // mod util"), Vec::<String>::new());
    }
}

#[test]
fn machine_paths_are_found() {
    for path in MACHINE_PATHS {
        let found = findings(machine_paths, "README.md", &format!("\nsee {path}x"));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("README.md:2: "), "{found:?}");
        let within = format!("https://example.org{path}x a{path}x ${{HOME}}{path}");
        assert_eq!(findings(machine_paths, "README.md", &within), Vec::<String>::new());
    }
}

#[test]
fn a_scenario_without_a_description_is_found() {
    let head = "apiVersion: wavetank/v1\nkind: Scenario\nmetadata:\n  name: x\n";
    let rule = undescribed_scenarios;
    let found = findings(rule, "scenarios/x.yaml", head);
    assert_eq!(found, ["scenarios/x.yaml:1: scenario \"x\" has no description"]);
    let empty = format!("{head}  description: '  '\n");
    assert_eq!(findings(rule, "scenarios/x.yaml", &empty).len(), 1);
    let second = format!("a: 1\n---\n{head}");
    assert_eq!(findings(rule, "scenarios/x.yaml", &second).len(), 1);
    assert_eq!(findings(rule, "scenarios/x.yaml", "a: [").len(), 1);
    let good = format!("{head}  description: What happens when.\n");
    assert_eq!(findings(rule, "scenarios/x.yaml", &good), Vec::<String>::new());
    assert_eq!(findings(rule, "docs/x.yaml", head), Vec::<String>::new());
}

/// A tree made for a test.
#[cfg(test)]
fn tree(files: &[(&str, &str)]) -> Vec<TextFile> {
    files.iter().map(|(p, t)| TextFile { path: (*p).into(), text: (*t).into() }).collect()
}

#[test]
fn module_folders_missing_from_the_map_are_found() {
    let source = [("src/kubelet/probe/exec.rs", ""), ("src/a/tests.rs", "")];
    let with_map = |text| {
        let found =
            unmapped_modules(&tree(&[source.as_slice(), &[("ARCHITECTURE.md", text)]].concat()));
        found.into_iter().map(|f| f.what).collect::<Vec<_>>()
    };
    let missing = "does not name the module folder src/kubelet";
    assert_eq!(with_map("the kubelet and its subprobe/"), [missing, &format!("{missing}/probe")]);
    assert_eq!(with_map("`kubelet` and `kubelet::probe`"), Vec::<String>::new());
    assert_eq!(with_map("src/kubelet/: containers; probe/: health"), Vec::<String>::new());
    assert_eq!(unmapped_modules(&tree(&source)).len(), 0);
}

#[test]
fn deviations_missing_from_the_list_are_found() {
    let marked = ("src/kubelet/probe.rs", "//! Probes.\n// Fidelity: no jitter.\n");
    let quoted = ("src/base/id.rs", "//! Ids.\nlet x = \"Fidelity:\";\n");
    let found = unlisted_deviations(&tree(&[marked, quoted, ("docs/fidelity.md", "none")]));
    assert_eq!(found.len(), 1);
    assert!(found[0].to_string().starts_with("src/kubelet/probe.rs:2: "));
    let listed = ("docs/fidelity.md", "| probes | `kubelet/probe.rs` |");
    assert_eq!(unlisted_deviations(&tree(&[marked, listed])).len(), 0);
    assert_eq!(unlisted_deviations(&tree(&[marked])).len(), 0);
}
