//! Expressions: what they say of pods and nodes, and what is wrong with them before any pod comes.

use super::{Compiled, Failure, Problem, Purpose};
use crate::model::{NodeId, TaintEffect, TemplateId};
use crate::scheduling::TieBreak;
use crate::scheduling::framework::CycleCx;
use crate::scheduling::testing::{Bench, GIB, ModelBuilder};

/// A node of 8 cores and 32 GiB with one pod of 2 cores and 4 GiB, and a pod of 1 core and 8 GiB.
fn bench() -> (Bench, NodeId, TemplateId) {
    let mut builder = ModelBuilder::new();
    let node = builder.node("n0", "a", (8000, 32));
    let (disk, ssd) = (builder.symbol("disk"), builder.symbol("ssd"));
    builder.model.nodes[node].labels.set(disk, ssd);
    let taint = builder.taint("gpu", "yes", TaintEffect::NoSchedule);
    builder.model.nodes[node].taints.push(taint);
    let used = builder.template("db", (2000, 4 * GIB));
    let pod = builder.template("web", (1000, 8 * GIB));
    builder.spec(pod).priority = 7;
    let toleration = builder.toleration("gpu");
    builder.spec(pod).tolerations.push(toleration);
    let mut bench = Bench::new(builder);
    bench.bind(node, used);
    bench.snapshot.refresh();
    (bench, node, pod)
}

fn ask<T>(bench: &Bench, template: TemplateId, of: impl Fn(&CycleCx<'_>) -> T) -> T {
    let (model, snapshot, luck) = (&bench.model, &bench.snapshot, TieBreak::LowestName);
    of(&CycleCx { model, snapshot, template, spec: &model.templates[template], pinned: None, luck })
}

fn compiled(text: &str, purpose: Purpose) -> Compiled {
    Compiled::new(text, purpose).unwrap_or_else(|problems| panic!("{text}: {problems:?}"))
}

#[test]
fn filters_read_pods_and_nodes() {
    let (bench, node, pod) = bench();
    for (text, expected) in [
        ("node.metadata.labels.disk == 'ssd'", Ok(())),
        ("node.metadata.labels[\"topology.kubernetes.io/zone\"] in ['a', 'b']", Ok(())),
        ("node.metadata.labels.disk == \"hdd\"", Err(Failure::Refused)),
        ("has(node.metadata.labels.rack)", Err(Failure::Refused)),
        ("'disk' in node.metadata.labels && !('rack' in node.metadata.labels)", Ok(())),
        ("node.metadata.labels.rack == 'r1'", Err(Failure::NoLabel)),
        (
            "has(node.metadata.labels.rack) && node.metadata.labels.rack == 'r1'",
            Err(Failure::Refused),
        ),
        ("node.metadata.labels.rack == 'r1' || true", Ok(())),
        ("node.metadata.name.startsWith(\"n\") && !node.spec.unschedulable", Ok(())),
        ("pod.metadata.namespace + '/' + pod.metadata.labels.app == 'default/web'", Ok(())),
        ("pod.spec.priority > 5 && pod.spec.schedulerName == 'default-scheduler'", Ok(())),
        ("has(pod.spec.nodeSelector.disk)", Err(Failure::Refused)),
        ("node.requested.pods < 1.0", Err(Failure::Refused)),
        ("node.requested.cpu == 2.0 && node.requested.memory == 4.0 * 1073741824.0", Ok(())),
        ("node.status.allocatable.pods == 110.0 && pod.requests.pods == 1.0", Ok(())),
        ("node.status.allocatable['ephemeral-storage'] > 1e9", Ok(())),
        ("node.status.allocatable[\"nvidia.com/gpu\"] == 0.0", Ok(())),
        ("node.spec.taints.exists(t, t.key == 'gpu' && t.effect == 'NoSchedule')", Ok(())),
        (
            "node.spec.taints.all(t, pod.spec.tolerations.size() > 0 && t.value == 'no')",
            Err(Failure::Refused),
        ),
        ("pod.spec.tolerations.exists_one(t, t.operator == 'Exists')", Ok(())),
        ("pod.spec.tolerations[0].key == 'gpu' && size(node.spec.taints) == 1", Ok(())),
        ("pod.spec.tolerations[1].key == 'gpu'", Err(Failure::Failed)),
        ("pod.spec.priority / 0 > 1", Err(Failure::DivisionByZero)),
        ("pod.spec.priority * 9223372036854775807 > 1", Err(Failure::Overflow)),
    ] {
        let filter = compiled(text, Purpose::Filter);
        assert_eq!(ask(&bench, pod, |cx| filter.passes(cx, node)), expected, "{text}");
    }
}

#[test]
fn scores_are_numbers_from_0_to_100() {
    let (bench, node, pod) = bench();
    for (text, expected) in [
        ("100", Ok(100)),
        ("42u", Ok(42)),
        // 100 × (2 + 1) / 8 = 37.5: what stands behind the point is dropped.
        ("100.0 * (node.requested.cpu + pod.requests.cpu) / node.status.allocatable.cpu", Ok(37)),
        ("node.metadata.labels.disk == 'ssd' ? 100 : 0", Ok(100)),
        ("int(double(pod.spec.priority) * 1.9)", Ok(13)),
        ("101", Err(Failure::OutOfRange)),
        ("-1", Err(Failure::OutOfRange)),
        ("-0.5", Err(Failure::OutOfRange)),
        ("100.5", Err(Failure::OutOfRange)),
        ("1.0 / 0.0", Err(Failure::OutOfRange)),
        ("0.0 / 0.0", Err(Failure::OutOfRange)),
        ("node.metadata.labels.rack == 'r' ? 1 : 0", Err(Failure::NoLabel)),
    ] {
        let score = compiled(text, Purpose::Score);
        assert_eq!(ask(&bench, pod, |cx| score.score(cx, node)), expected, "{text}");
    }
}

/// What is wrong: offset and length, message, help.
fn problems(text: &str, purpose: Purpose) -> Vec<Problem> {
    Compiled::new(text, purpose).err().unwrap_or_default()
}

#[test]
fn mistakes_are_found_before_any_pod_comes() {
    use Purpose::{Filter, Score};
    for (text, purpose, part, said, help) in [
        (
            "node.metdata.name == 'a'",
            Filter,
            "metdata",
            "node has no field `metdata`",
            "did you mean `metadata`?",
        ),
        (
            "nodes.metadata.name == 'a'",
            Filter,
            "nodes",
            "`nodes` is unknown",
            "did you mean `node`?",
        ),
        (
            "request.user == 'a'",
            Filter,
            "request",
            "`request` is unknown",
            "known are pod and node",
        ),
        (
            "node.status.allocatable.cpuu > 1.0",
            Filter,
            "cpuu",
            "node.status.allocatable has no field `cpuu`",
            "did you mean `cpu`?",
        ),
        (
            "node.status.capacity.cpu > 1.0",
            Filter,
            "capacity",
            "node.status has no field `capacity`",
            "known are allocatable",
        ),
        (
            "node.metadata.name.length > 1",
            Filter,
            "length",
            "node.metadata.name has no field `length`",
            "a string and has no fields",
        ),
        (
            "node.metadata.labels == 'a'",
            Filter,
            "labels",
            "`node.metadata.labels` are many",
            "name one",
        ),
        (
            "node.status == 'a'",
            Filter,
            "status",
            "`node.status` is an object",
            "name a field: allocatable",
        ),
        (
            "node.metadata.name.startWith('a')",
            Filter,
            "",
            "there is no function `startWith`",
            "did you mean `startsWith`?",
        ),
        ("100 * node.requested.cpu", Score, "", "`*` does not take int and double", "write 100.0"),
        ("node.metadata.name < 3", Filter, "", "`<` does not take string and int", ""),
        (
            "node.metadata.name",
            Filter,
            "",
            "a filter is true or false, not a string",
            "write for example",
        ),
        (
            "node.spec.unschedulable",
            Score,
            "",
            "a score is a number, not a bool",
            "write for example",
        ),
        (
            "node.spec.taints.map(t, t.key) == ['a']",
            Filter,
            "",
            "map and filter have no use here",
            "use all, exists",
        ),
        (
            "node.spec.taints.exists(t, t.kye == 'a')",
            Filter,
            "",
            "there is no field `kye`",
            "did you mean `key`?",
        ),
        (
            "node.spec.taints.exists(t, pod.spec.tolerations.exists(o, o.key == t.key))",
            Filter,
            "",
            "loops cannot be nested",
            "two expressions",
        ),
        ("{'a': 1} == {'a': 1}", Filter, "", "objects cannot be made here", ""),
        ("null == null", Filter, "", "bytes and null have no use here", ""),
        ("true &&", Filter, "", "this is no CEL", ""),
        ("", Filter, "", "this is no CEL", ""),
        ("1 == 1 ? 'a' : 2", Score, "", "does not take bool and string and int", ""),
    ] {
        let found = problems(text, purpose);
        let first = found.first().unwrap_or_else(|| panic!("{text}: nothing is wrong"));
        assert!(first.message.contains(said), "{text}: {first:?}");
        assert!(first.help.contains(help), "{text}: {first:?}");
        let at: String = text.chars().skip(first.offset).collect();
        assert!(at.starts_with(part), "{text}: at {at:?}");
        assert!(part.is_empty() || first.len == part.len(), "{text}: {first:?}");
    }
}

#[test]
fn expressions_are_bounded() {
    let long = format!("1 == {}1", "1 + ".repeat(600));
    assert_eq!(problems(&long, Purpose::Filter)[0].message, "the expression is too long");
    let wide = format!("{}1 == 1", "1==1||".repeat(200));
    assert_eq!(problems(&wide, Purpose::Filter)[0].message, "the expression has too many parts");
    let deep = format!("{}true{}", "(".repeat(200), ")".repeat(200));
    assert!(!problems(&deep, Purpose::Filter).is_empty());
}

#[test]
fn every_path_that_documents_name_can_be_read() {
    for (path, of) in super::PATHS {
        let path = path.replace("[KEY]", "[\"k/e.y\"]").replace("[RESOURCE]", ".memory");
        let text = match *of {
            "string" => format!("{path} == ''"),
            "int" => format!("{path} == 1"),
            "double" => format!("{path} == 1.0"),
            "bool" => path,
            _ => format!("size({path}) == 1"),
        };
        compiled(&text, Purpose::Filter);
    }
}

#[test]
fn classes_are_alike_if_what_is_read_of_them_is() {
    let mut builder = ModelBuilder::new();
    builder.node("n0", "", (8000, 32));
    let [a, b] = [GIB, 2 * GIB].map(|memory| builder.template("web", (1000, memory)));
    let bench = Bench::new(builder);
    for (text, expected) in [
        ("node.requested.cpu < 4.0", true),
        ("pod.metadata.labels.app == 'web' && pod.requests.cpu > 0.5", true),
        ("pod.requests.memory < 1e9", false),
    ] {
        let filter = compiled(text, Purpose::Filter);
        let other = &bench.model.templates[b];
        assert_eq!(ask(&bench, a, |cx| filter.alike(cx, other)), expected, "{text}");
        assert_eq!(filter.reads_load(), text.contains("requested"), "{text}");
    }
}
