//! Who may use whom.
//!
//! The table is the architecture's: a module uses modules of lower layers and its own children.
//! Modules of one layer do not know each other.

use super::source::{Source, line_of};
use super::{Finding, TextFile};

/// Lowest layer first.
const LAYERS: &[&[&str]] = &[
    &["base"],
    &["engine", "rng", "registry"],
    &["model"],
    &["event"],
    &["state"],
    &["record"],
    &["cx", "scheduling"],
    &["apiserver", "scheduler", "kubelet", "kube_proxy", "controllers", "faults"],
    &["workload"],
    &["invariants"],
    &["sim"],
    &["tables"],
    &["metrics"],
    &["experiment", "report"],
    &["scenario"],
    &["conformance", "lint"],
    &["cli"],
];

/// Uses that the layers would allow and the architecture does not.
const FORBIDDEN: &[(&str, &str)] = &[("metrics", "state"), ("report", "sim")];

/// The modules that may touch files, processes and the environment.
const WITH_IO: &[&str] = &["scenario", "conformance", "report", "cli"];

/// What a module needs for that.
const IO_PATHS: &[&str] = &["std::fs", "std::env", "std::net", "std::process"];

/// Uses of modules that are not below the file's own.
pub(crate) fn upward_uses(file: &TextFile) -> Vec<Finding> {
    let Some(own) = top_module(&file.path) else { return Vec::new() };
    let Some(own_layer) = layer(own) else {
        return vec![file.finding(1, format!("module `{own}` stands in no layer"))];
    };
    let mut found = Vec::new();
    for (line, used) in uses(file) {
        let told = match layer(&used) {
            _ if used == own => continue,
            _ if FORBIDDEN.contains(&(own, used.as_str())) => "which it must not see",
            None => continue, // A macro, function or re-export at the crate's root.
            Some(below) if below < own_layer => continue,
            Some(same) if same == own_layer => "of its own layer",
            Some(_) => "of a higher layer",
        };
        found.push(file.finding(line, format!("`{own}` uses `{used}`, {told}")));
    }
    found
}

/// Input and output outside the modules that are there for it; code compiled for tests only may.
pub(crate) fn misplaced_io(tree: &[TextFile]) -> Vec<Finding> {
    let for_tests: Vec<String> = tree.iter().flat_map(test_modules).collect();
    let mut found = Vec::new();
    for file in tree {
        let Some(own) = top_module(&file.path) else { continue };
        let module = file.path.trim_end_matches(".rs").trim_end_matches("/mod");
        let within = |t: &String| module == t || module.starts_with(&format!("{t}/"));
        if WITH_IO.contains(&own) || for_tests.iter().any(within) {
            continue;
        }
        let code = Source::of(&file.text).code;
        let end = code.find("#[cfg(test)]\nmod tests {").unwrap_or(code.len());
        for path in IO_PATHS {
            for (at, _) in code[..end].match_indices(path) {
                let told = format!("`{own}` uses {path}; only {WITH_IO:?} do input and output");
                found.push(file.finding(line_of(&code, at), told));
            }
        }
    }
    found
}

/// The files, without `.rs` or `/mod.rs`, of the modules that `file` declares for tests only.
fn test_modules(file: &TextFile) -> Vec<String> {
    let Some(path) = file.path.strip_suffix(".rs").filter(|p| p.starts_with("src/")) else {
        return Vec::new();
    };
    let folder = ["/mod", "/lib", "/main"].iter().find_map(|root| path.strip_suffix(root));
    let folder = folder.unwrap_or(path);
    let code = Source::of(&file.text).code;
    let declared = code.split("#[cfg(test)]").skip(1).filter_map(|rest| {
        let item = rest.trim_start().trim_start_matches("pub(crate) ").strip_prefix("mod ")?;
        let name = item.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
        item[name.len()..].starts_with(';').then(|| format!("{folder}/{name}"))
    });
    declared.collect()
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

/// `kubelet` for `src/kubelet.rs` and everything in `src/kubelet/`; none for the crate's roots
/// and for files outside `src/`.
fn top_module(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    let first = inside.split('/').next()?;
    let module = first.strip_suffix(".rs").unwrap_or(first);
    (path.ends_with(".rs") && !["lib", "main"].contains(&module)).then_some(module)
}

/// How many modules deep the file's own code stands below the crate's root.
fn depth(path: &str) -> usize {
    let parts = path.split('/').count() - 1;
    if path.ends_with("/mod.rs") { parts - 1 } else { parts }
}

/// Every top-level name that the file's code reaches by `crate::` or by enough `super::`, with
/// its line.
pub(crate) fn uses(file: &TextFile) -> Vec<(usize, String)> {
    let code = Source::of(&file.text).code;
    let mut scan = Scan { code: &code, at: 0, depth: depth(&file.path), inline: Vec::new() };
    let mut found = Vec::new();
    let mut braces = 0_usize;
    while scan.at < code.len() {
        let start = scan.at;
        match scan.token() {
            "{" => braces += 1,
            "}" => {
                if scan.inline.last() == Some(&braces) {
                    scan.inline.pop();
                }
                braces = braces.saturating_sub(1);
            }
            "mod" => {
                scan.token();
                if scan.peek() == "{" {
                    scan.inline.push(braces + 1);
                }
            }
            "crate" => scan.names(start, &mut found),
            "super" => scan.climb(start, &mut found),
            _ => {}
        }
    }
    found
}

struct Scan<'a> {
    code: &'a str,
    at: usize,
    depth: usize,
    /// For each inline module open here, the brace count within it.
    inline: Vec<usize>,
}

impl<'a> Scan<'a> {
    /// The next word or punctuation (`::` counts as one), white space skipped.
    fn token(&mut self) -> &'a str {
        let rest = &self.code[self.at..];
        let skipped = rest.len() - rest.trim_start().len();
        let rest = &rest[skipped..];
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let len = match (word, rest.chars().next()) {
            (0, _) if rest.starts_with("::") => 2,
            (0, first) => first.map_or(0, char::len_utf8),
            (len, _) => len,
        };
        self.at += skipped + len;
        &rest[..len]
    }

    fn peek(&mut self) -> &'a str {
        let at = self.at;
        let token = self.token();
        self.at = at;
        token
    }

    /// Reads on after `super`; if the path climbs to the crate's root, notes what it names there.
    fn climb(&mut self, start: usize, found: &mut Vec<(usize, String)>) {
        let mut levels = 1;
        loop {
            let at = self.at;
            if self.token() == "::" && self.token() == "super" {
                levels += 1;
            } else {
                self.at = at;
                break;
            }
        }
        if levels == self.depth + self.inline.len() {
            self.names(start, found);
        }
    }

    /// Reads on after `crate`: `::name`, or `::{a::b, c}` with several.
    fn names(&mut self, start: usize, found: &mut Vec<(usize, String)>) {
        if self.peek() != "::" {
            return;
        }
        self.token();
        let first = self.token();
        if first != "{" {
            found.push((self.line(start), first.to_owned()));
            return;
        }
        let (mut nested, mut expected) = (1, true);
        while nested > 0 && self.at < self.code.len() {
            let token = self.token();
            match token {
                "{" => nested += 1,
                "}" => nested -= 1,
                "," if nested == 1 => expected = true,
                _ if expected => {
                    found.push((self.line(self.at - token.len()), token.to_owned()));
                    expected = false;
                }
                _ => {}
            }
        }
    }

    fn line(&self, at: usize) -> usize {
        let rest = &self.code[at..];
        line_of(self.code, at + rest.len() - rest.trim_start().len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{findings, tree};
    use super::*;

    fn used(path: &str, text: &str) -> Vec<(usize, String)> {
        uses(&TextFile { path: path.into(), text: text.into() })
    }

    #[test]
    fn every_form_of_a_path_is_seen() {
        let text = "use crate::base::id;\nuse crate::{\n    model::A,\n    state::{B, C},\n    rng,\n};\n\
            // crate::cli\nfn f(x: crate::event::E) { let s = \"crate::sim\"; $crate::cx::g() }\n";
        let want = [(1, "base"), (3, "model"), (4, "state"), (5, "rng"), (8, "event"), (8, "cx")];
        let want: Vec<_> = want.iter().map(|(l, n)| (*l, (*n).to_owned())).collect();
        assert_eq!(used("src/kubelet/probe.rs", text), want);
    }

    #[test]
    fn super_is_followed_to_the_root_and_no_farther() {
        let state = [(1, "state".to_owned())];
        assert_eq!(used("src/kubelet/mod.rs", "use super::state::S;"), state);
        assert_eq!(used("src/kubelet.rs", "use super::state::S;"), state);
        assert_eq!(used("src/kubelet/probe.rs", "use super::super::state::S;"), state);
        assert_eq!(used("src/kubelet/probe.rs", "use super::state::S;"), []);
        let inline = "mod tests { use super::state; fn f() { } }\nuse super::sim;";
        assert_eq!(used("src/kubelet.rs", inline), [(2, "sim".to_owned())]);
        let inline = "mod tests { use super::super::state; }";
        assert_eq!(used("src/kubelet.rs", inline), state);
    }

    #[test]
    fn a_use_upward_or_sideways_is_found() {
        for (path, text, want) in [
            ("src/base/id.rs", "//!\nuse crate::model::X;", "2: `base` uses `model`, of a higher"),
            ("src/kubelet.rs", "use crate::scheduler::X;", "1: `kubelet` uses `scheduler`, of its"),
            ("src/metrics/x.rs", "use crate::state::X;", "1: `metrics` uses `state`, which it"),
            ("src/report/x.rs", "use crate::sim::X;", "1: `report` uses `sim`, which it must not"),
            ("src/novel.rs", "", "1: module `novel` stands in no layer"),
        ] {
            let found = findings(upward_uses, path, text);
            assert_eq!(found.len(), 1, "{path}: {found:?}");
            assert!(found[0].starts_with(&format!("{path}:{want}")), "{found:?}");
        }
        for (path, text) in [
            ("src/kubelet/probe.rs", "use crate::{base::id, state::S, kubelet::sync};"),
            ("src/lib.rs", "pub use crate::cli::Cli;"),
            ("src/metrics.rs", "use crate::tables::MetricRow;"),
            ("src/model.rs", "crate::define_id!(X);"),
            ("tests/main.rs", "use crate::cli;"),
        ] {
            assert_eq!(findings(upward_uses, path, text), Vec::<String>::new());
        }
    }

    #[test]
    fn io_in_the_wrong_place_is_found() {
        let text = "use std::fs;\nfn f() { std::env::var(\"X\") }\n";
        let found = |files: &[(&str, &str)]| -> Vec<String> {
            misplaced_io(&tree(files)).iter().map(ToString::to_string).collect()
        };
        let bad = found(&[("src/model/a.rs", text)]);
        assert_eq!(bad.len(), 2, "{bad:?}");
        assert!(bad[1].starts_with("src/model/a.rs:2: `model` uses std::env"), "{bad:?}");
        assert_eq!(found(&[("src/cli/a.rs", text)]), Vec::<String>::new());
        let inline = "fn f() {}\n#[cfg(test)]\nmod tests { use std::fs; }";
        assert_eq!(found(&[("src/model/a.rs", inline)]), Vec::<String>::new());
        let declared = "mod b;\n#[cfg(test)]\npub(crate) mod a;\n";
        for parent in ["src/model/mod.rs", "src/model.rs"] {
            let good = [(parent, declared), ("src/model/a.rs", text), ("src/model/a/c.rs", text)];
            assert_eq!(found(&good), Vec::<String>::new());
            assert_eq!(found(&[(parent, declared), ("src/model/b.rs", text)]).len(), 2);
        }
    }
}
