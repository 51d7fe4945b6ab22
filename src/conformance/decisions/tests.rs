//! Replays of cases made for these tests; every alteration of a recorded value must be found.

use std::collections::BTreeSet;

use serde_json::json;

use super::super::tally::Agreement;
use super::*;
use fields::Shape;

fn replayed(line: &Value) -> Agreement {
    let mut tally = Tally::new("case");
    replay_case(line, &mut tally).unwrap();
    tally.agreement().clone()
}

fn node(name: &str, zone: &str, spec: &Value) -> Value {
    let labels = json!({"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": zone});
    let allocatable = json!({"cpu": "4", "memory": "8Gi", "pods": "10"});
    let metadata = json!({"name": name, "labels": labels});
    json!({"metadata": metadata, "spec": spec, "status": {"allocatable": allocatable}})
}

fn pod(name: &str, cpu: &str, spec: Value) -> Value {
    let requests = json!({"cpu": cpu, "memory": "2Gi"});
    let mut spec = spec;
    spec["containers"] = json!([{"name": "c", "resources": {"requests": requests}}]);
    json!({"metadata": {"name": name}, "spec": spec})
}

fn on_nodes_named(names: [&str; 2]) -> Value {
    let field = |name| json!({"key": "metadata.name", "operator": "In", "values": [name]});
    let term = json!({"matchFields": names.map(field)});
    let required = json!({"nodeSelectorTerms": [term]});
    json!({"affinity": {"nodeAffinity":
        {"requiredDuringSchedulingIgnoredDuringExecution": required}}})
}

/// Three nodes and five pods under a configuration; worked out by hand.
fn small() -> Value {
    let taints = json!({"taints": [{"key": "k", "value": "v", "effect": "NoSchedule"}]});
    let mut bound = pod("e0", "1", json!({"nodeName": "a"}));
    bound["status"] = json!({"startTime": "2030-01-01T00:00:00Z"});
    let tolerant = json!({"tolerations": [{"operator": "Exists"}]});
    let disabled = json!([{"name": "DefaultPreemption"}, {"name": "PodTopologySpread"}]);
    let profile = json!({"plugins": {"multiPoint": {"disabled": disabled}}});
    let case = json!({
        "name": "small", "family": "own",
        "config": {"profiles": [profile]},
        "nodes": [
            node("a", "z1", &json!({})), node("b", "z2", &taints),
            node("c", "z1", &json!({"unschedulable": true})),
        ],
        "pods": [bound],
        "incoming": [
            pod("p0", "1", json!({})),
            pod("p1", "1", tolerant),
            pod("p2", "1", json!({"schedulingGates": [{"name": "g"}, {"name": "h"}]})),
            pod("p3", "1", on_nodes_named(["a", "b"])),
            pod("p4", "1", on_nodes_named(["b", "b"])),
        ],
    });
    let rejected = |plugin: &str, reason: &str, node: u64| {
        let code = "UnschedulableAndUnresolvable";
        json!({"plugin": plugin, "code": code, "reasons": [reason], "nodes": [node]})
    };
    let tainted = rejected("TaintToleration", "node(s) had untolerated taint {k: v}", 1);
    let skipped = json!(["NodeAffinity", "InterPodAffinity", "VolumeBinding"]);
    let expected = json!({
        "weights": {
            "TaintToleration": 3, "NodeAffinity": 2, "NodeResourcesFit": 1, "VolumeBinding": 1,
            "InterPodAffinity": 2, "NodeResourcesBalancedAllocation": 1, "ImageLocality": 1,
        },
        "plugins": {
            "preEnqueue": ["SchedulingGates", "DynamicResources"],
            "queueSort": ["PrioritySort"],
            "preFilter": [
                "NodeAffinity", "NodePorts", "NodeResourcesFit", "VolumeRestrictions",
                "NodeVolumeLimits", "VolumeBinding", "VolumeZone", "InterPodAffinity",
                "DynamicResources",
            ],
            "filter": [
                "NodeUnschedulable", "NodeName", "TaintToleration", "NodeAffinity", "NodePorts",
                "NodeResourcesFit", "VolumeRestrictions", "NodeVolumeLimits", "VolumeBinding",
                "VolumeZone", "InterPodAffinity", "DynamicResources",
            ],
            "postFilter": ["DynamicResources"],
            "preScore": [
                "TaintToleration", "NodeAffinity", "NodeResourcesFit", "VolumeBinding",
                "InterPodAffinity", "NodeResourcesBalancedAllocation",
            ],
            "score": [
                "TaintToleration", "NodeAffinity", "NodeResourcesFit", "VolumeBinding",
                "InterPodAffinity", "NodeResourcesBalancedAllocation", "ImageLocality",
            ],
            "reserve": ["VolumeBinding", "DynamicResources"],
            "preBind": ["VolumeBinding", "DynamicResources"],
        },
        "decisions": [
            // A quarter of CPU and memory is used, another comes: half is free of both.
            {"i": 0, "pod": "default/p0", "outcome": "bound", "node": 0, "filter": [
                tainted, rejected("NodeUnschedulable", "node(s) were unschedulable", 2),
             ],
             "feasible": [0], "skipScore": skipped,
             "scores": {"TaintToleration": 100, "NodeResourcesFit": [50],
                        "NodeResourcesBalancedAllocation": 100, "ImageLocality": 0},
             "total": [450], "top": [0]},
            // b is empty; the toleration of everything lifts the cordon as well.
            {"i": 1, "pod": "default/p1", "outcome": "bound", "node": 1,
             "feasible": [0, 1, 2], "skipScore": skipped,
             "scores": {"TaintToleration": 100, "NodeResourcesFit": [25, 75, 75],
                        "NodeResourcesBalancedAllocation": 100, "ImageLocality": 0},
             "total": [425, 475, 475], "top": [1, 2]},
            {"i": 2, "pod": "default/p2", "outcome": "gated", "gate": {
                "plugin": "SchedulingGates", "code": "UnschedulableAndUnresolvable",
                "reasons": ["waiting for scheduling gates: [g h]"]}},
            {"i": 3, "pod": "default/p3", "outcome": "unschedulable", "preFilter": {
                "plugin": "NodeAffinity", "code": "UnschedulableAndUnresolvable",
                "reasons": ["pod affinity terms conflict"]}},
            {"i": 4, "pod": "default/p4", "outcome": "unschedulable", "preFilterNodes": [1],
             "filter": [rejected("TaintToleration", "node(s) had untolerated taint {k: v}", 1)]},
        ],
    });
    json!({"case": case, "expected": expected})
}

/// A hundred and twenty nodes, of which a hundred are enough; two pods.
fn sampled() -> Value {
    let nodes: Vec<Value> = (0..120).map(|n| node(&format!("n{n:03}"), "z", &json!({}))).collect();
    let case = json!({
        "name": "sampled", "family": "own", "nodes": nodes,
        "incoming": [pod("p0", "1", json!({})), pod("p1", "1", json!({}))],
        "sampling": {"percentageOfNodesToScore": 0},
    });
    let second: Vec<u64> = (100..120).chain(0..80).collect();
    // The node of the first pod is half as free as the others.
    let totals: Vec<u64> = second.iter().map(|n| if *n == 0 { 450 } else { 475 }).collect();
    let top: Vec<u64> = (1..80).chain(100..120).collect();
    let expected = json!({
        "weights": weights(),
        "nodeOrder": (0..120).collect::<Vec<u64>>(),
        "decisions": [
            {"i": 0, "pod": "default/p0", "outcome": "bound", "node": 0, "startIndex": 0,
             "nextIndex": 100, "evaluated": 100, "feasible": (0..100).collect::<Vec<u64>>(),
             "total": vec![475; 100], "top": (0..100).collect::<Vec<u64>>()},
            {"i": 1, "pod": "default/p1", "outcome": "bound", "node": 1, "startIndex": 100,
             "nextIndex": 80, "evaluated": 100, "feasible": second, "total": totals, "top": top},
        ],
    });
    json!({"case": case, "expected": expected})
}

fn weights() -> Value {
    json!({
        "TaintToleration": 3, "NodeAffinity": 2, "NodeResourcesFit": 1, "VolumeBinding": 1,
        "PodTopologySpread": 2, "InterPodAffinity": 2, "NodeResourcesBalancedAllocation": 1,
        "ImageLocality": 1,
    })
}

/// A pod of a node, an application and a priority, started in that second.
fn bound(
    name: &str,
    cpu: &str,
    (node, app): (&str, &str),
    (priority, second): (i32, u32),
) -> Value {
    let mut pod = pod(name, cpu, json!({"nodeName": node, "priority": priority}));
    pod["metadata"]["labels"] = json!({"app": app});
    pod["status"] = json!({"startTime": format!("2029-01-01T00:00:{second:02}Z")});
    pod
}

fn group(plugin: &str, code: &str, reason: &str, nodes: &[u64]) -> Value {
    json!({"plugin": plugin, "code": code, "reasons": [reason], "nodes": nodes})
}

const UNRESOLVABLE: &str = "UnschedulableAndUnresolvable";
const NO_VICTIMS: &str = "No preemption victims found for incoming pod";

/// Three full nodes and a cordoned one; a budget protects e0 and, as it has been granted, not e2.
fn preempting() -> Value {
    let budget = json!({
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}},
        "status": {"disruptionsAllowed": 0, "disruptedPods": {"e2": "2029-02-01T00:00:00Z"}},
    });
    let case = json!({
        "name": "preempting", "family": "own",
        "nodes": [
            node("a", "z1", &json!({})), node("b", "z1", &json!({})),
            node("c", "z2", &json!({"unschedulable": true})), node("d", "z2", &json!({})),
        ],
        "pods": [
            bound("e0", "3", ("a", "web"), (0, 1)), bound("e1", "1", ("a", "db"), (5, 2)),
            bound("e2", "4", ("b", "web"), (1, 3)), bound("e3", "4", ("d", "db"), (100, 4)),
        ],
        "pdbs": [budget],
        "incoming": [
            pod("p0", "4", json!({"priority": 10})),
            pod("p1", "2", json!({"priority": 10, "preemptionPolicy": "Never"})),
            pod("p2", "2", json!({"priority": 10})),
        ],
    });
    let filter = json!([
        group("NodeResourcesFit", "Unschedulable", "Insufficient cpu", &[0, 1, 3]),
        group("NodeUnschedulable", UNRESOLVABLE, "node(s) were unschedulable", &[2]),
    ]);
    let no_victims = |nodes: &[u64]| json!([group("", UNRESOLVABLE, NO_VICTIMS, nodes)]);
    let expected = json!({"weights": weights(), "decisions": [
        // On a both would go, and e0 against its budget.
        {"i": 0, "pod": "default/p0", "outcome": "preempted", "node": 1, "filter": filter,
         "preemption": {
            "status": "Success", "potentialNodes": [0, 1, 3],
            "candidates": [
                {"node": 0, "victims": ["default/e1", "default/e0"], "pdbViolations": 1},
                {"node": 1, "victims": ["default/e2"], "pdbViolations": 0},
            ],
            "dryRunFailures": no_victims(&[3]), "best": [1], "nominated": 1,
            "victims": ["default/e2"], "retryFits": true}},
        {"i": 1, "pod": "default/p1", "outcome": "unschedulable", "filter": filter,
         "preemption": {"status": "Unschedulable"}},
        // e1 fits beside the newcomer; e0, put back before it, does not.
        {"i": 2, "pod": "default/p2", "outcome": "preempted", "node": 0, "filter": filter,
         "preemption": {
            "status": "Success", "potentialNodes": [0, 1, 3],
            "candidates": [{"node": 0, "victims": ["default/e0"], "pdbViolations": 1}],
            "dryRunFailures": no_victims(&[1, 3]), "best": [0], "nominated": 0,
            "victims": ["default/e0"], "retryFits": true}},
    ]});
    json!({"case": case, "expected": expected})
}

/// A pod that is being deleted is not counted for spreading, yet a what-if without it counts one
/// pod fewer: the victim goes for nothing.
fn deceived() -> Value {
    let mut ending = bound("e1", "1", ("a", "web"), (0, 2));
    ending["metadata"]["deletionTimestamp"] = json!("2029-01-01T01:00:00Z");
    let selector = json!({"matchLabels": {"app": "web"}});
    let spread = json!([{"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": "DoNotSchedule", "labelSelector": selector}]);
    let spec = json!({"priority": 10, "topologySpreadConstraints": spread});
    let mut incoming = pod("p0", "1", spec);
    incoming["metadata"]["labels"] = json!({"app": "web"});
    let case = json!({
        "name": "deceived", "family": "own",
        "nodes": [
            node("a", "z1", &json!({})), node("b", "z2", &json!({"unschedulable": true})),
        ],
        "pods": [bound("e0", "1", ("a", "web"), (10, 1)), ending],
        "incoming": [incoming],
    });
    let skewed = "node(s) didn't match pod topology spread constraints";
    let filter = json!([
        group("PodTopologySpread", "Unschedulable", skewed, &[0]),
        group("NodeUnschedulable", UNRESOLVABLE, "node(s) were unschedulable", &[1]),
    ]);
    let mut failure = group("PodTopologySpread", "Unschedulable", skewed, &[]);
    failure.as_object_mut().unwrap().remove("nodes");
    let expected = json!({"weights": weights(), "decisions": [
        {"i": 0, "pod": "default/p0", "outcome": "unschedulable", "filter": filter,
         "preemption": {
            "status": "Success", "potentialNodes": [0],
            "candidates": [{"node": 0, "victims": ["default/e1"], "pdbViolations": 0}],
            "best": [0], "nominated": 0, "victims": ["default/e1"], "retryFits": false,
            "retryFailure": failure}},
    ]});
    json!({"case": case, "expected": expected})
}

/// All cases made here.
fn cases() -> [Value; 4] {
    [small(), sampled(), preempting(), deceived()]
}

/// Places of all values below `value` that are no lists or objects.
fn leaves(value: &Value, at: &str, out: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                leaves(value, &format!("{at}/{key}"), out);
            }
        }
        Value::Array(items) => {
            // Long lists are looked at from both ends.
            for at_item in (0..items.len()).filter(|at| *at < 3 || *at + 3 > items.len()) {
                leaves(&items[at_item], &format!("{at}/{at_item}"), out);
            }
        }
        _ => out.push(at.to_owned()),
    }
}

fn alter(value: &mut Value) {
    *value = match &*value {
        Value::Bool(it) => (!it).into(),
        Value::Number(it) => (it.as_i64().unwrap() + 1).into(),
        Value::String(it) => format!("{it}x").into(),
        other => panic!("{other} is no leaf"),
    };
}

#[test]
fn cases_worked_out_by_hand_agree() {
    for line in cases() {
        let agreement = replayed(&line);
        assert_eq!(agreement.first, [], "{:#?}", agreement.first);
        let decisions = line["expected"]["decisions"].as_array().unwrap().len() as u64;
        assert_eq!((agreement.units, agreement.agree), (decisions, decisions));
    }
}

#[test]
fn every_altered_value_is_found() {
    for line in cases() {
        let whole = replayed(&line);
        let mut places = Vec::new();
        leaves(&line["expected"], "/expected", &mut places);
        assert!(places.len() > 20);
        let mut seen = BTreeSet::new();
        for place in places {
            let mut altered = line.clone();
            alter(altered.pointer_mut(&place).unwrap());
            let mut tally = Tally::new("altered");
            // What names no node or pod of the case cannot even be applied: the comparison comes
            // before that.
            let applied = replay_case(&altered, &mut tally);
            let now = tally.agreement();
            assert!(applied.is_err() || now.agree < whole.agree, "{place} was altered unseen");
            assert!(!now.first.is_empty(), "{place} was altered unseen");
            seen.extend(now.first.iter().map(|difference| difference.field.clone()));
        }
        for field in whole.fields.keys() {
            assert!(seen.contains(field), "{field} was never found to differ");
        }
    }
}

/// Between them the cases compare every field but those of volumes.
#[test]
fn every_field_is_compared_in_some_case() {
    let mut compared: BTreeSet<String> =
        cases().iter().flat_map(|line| replayed(line).fields.into_keys()).collect();
    assert!(compared.iter().any(|field| field.starts_with("scores.")));
    compared.insert("volumeBindings".to_owned());
    let names = |list: &[(&'static str, fields::Form)], prefix: &str| -> Vec<String> {
        list.iter().map(|(name, _)| format!("{prefix}{name}")).collect()
    };
    let mut fields = names(fields::DECISION, "");
    fields.extend(names(fields::PREEMPTION, "preemption."));
    fields.extend(["weights", "nodeOrder"].map(str::to_owned));
    fields.extend(fields::POINTS.iter().map(|point| format!("plugins.{point}")));
    assert_eq!(fields::OF_CASE, ["weights", "plugins", "nodeOrder"]);
    for field in fields {
        assert!(compared.contains(&field), "{field} is compared in no case");
    }
}

#[test]
fn every_dropped_field_is_found_and_so_is_one_that_nobody_knows() {
    let line = small();
    let whole = replayed(&line).agree;
    for (at, decision) in line["expected"]["decisions"].as_array().unwrap().iter().enumerate() {
        for field in decision.as_object().unwrap().keys() {
            let mut altered = line.clone();
            let decision = &mut altered["expected"]["decisions"][at];
            decision.as_object_mut().unwrap().remove(field);
            assert!(replayed(&altered).agree < whole, "{field} of {at} was dropped unseen");
        }
    }
    let preempting = preempting();
    let told = preempting["expected"]["decisions"][0]["preemption"].as_object().unwrap();
    for field in told.keys() {
        let mut altered = preempting.clone();
        let decision = &mut altered["expected"]["decisions"][0];
        decision["preemption"].as_object_mut().unwrap().remove(field);
        let first = replayed(&altered).first;
        assert_eq!(first[0].field, format!("preemption.{field}"));
    }
    let mut novel = line.clone();
    novel["expected"]["decisions"][0]["novel"] = 1.into();
    assert_eq!(replayed(&novel).first[0].field, "novel");
    let mut novel = line;
    novel["expected"]["novel"] = 1.into();
    assert_eq!(replayed(&novel).agree, 0, "a difference of the case is one of every decision");
}

/// A decision with everything that a recording can hold.
fn full() -> Value {
    let status = json!({"plugin": "P", "code": "Unschedulable", "reasons": ["one", "two"]});
    let mut group = status.clone();
    group["nodes"] = json!([1, 3]);
    json!({
        "i": 0, "pod": "default/p", "outcome": "preempted", "node": 1, "gate": status,
        "preFilter": status, "preFilterNodes": [1, 2], "filter": [group], "feasible": [0, 2],
        "skipScore": ["A"], "scores": {"B": [1, 2], "C": 7}, "total": [8, 9], "top": [2],
        "preemption": {
            "status": "Success", "potentialNodes": [1, 2],
            "candidates": [
                {"node": 1, "victims": ["default/x", "default/y"], "pdbViolations": 1},
                {"node": 2, "victims": ["default/z"]},
            ],
            "dryRunFailures": [group], "best": [1, 2], "nominated": 1,
            "victims": ["default/x", "default/y"], "retryFits": true, "retryFailure": status,
        },
        "volumeBindings": [{"pvc": "default/c", "pv": "v", "provisioned": true}],
        "startIndex": 1, "nextIndex": 2, "evaluated": 3,
    })
}

#[test]
fn every_field_of_the_format_is_compared() {
    for shape in [Shape::default(), Shape { sampling: true }] {
        let differing = |ours: &Value, theirs: &Value| -> Vec<String> {
            let fields = fields::of_decision(ours, theirs, shape);
            fields.into_iter().filter(|(_, a, b)| a != b).map(|(field, ..)| field).collect()
        };
        assert_eq!(differing(&full(), &full()), Vec::<String>::new());
        let mut places = Vec::new();
        leaves(&full(), "", &mut places);
        for place in places {
            let mut altered = full();
            alter(altered.pointer_mut(&place).unwrap());
            let mut parts = place.split('/').skip(1);
            let mut field = parts.next().unwrap().to_owned();
            if ["preemption", "scores"].contains(&field.as_str()) {
                field = format!("{field}.{}", parts.next().unwrap());
            }
            assert!(differing(&full(), &altered).contains(&field), "{place}");
        }
    }
}

#[test]
fn what_means_the_same_is_the_same() {
    let differing = |change: fn(&mut Value)| -> usize {
        let mut same = full();
        change(&mut same);
        let fields = fields::of_decision(&full(), &same, Shape::default());
        fields.iter().filter(|(_, ours, theirs)| ours != theirs).count()
    };
    assert_eq!(differing(|d| d["scores"]["C"] = json!([7, 7])), 0);
    assert_eq!(differing(|d| d["preemption"]["best"] = json!([2, 1])), 0);
    assert_eq!(differing(|d| d["gate"]["reasons"] = json!(["two", "one"])), 0);
    assert_eq!(differing(|d| d["skipFilter"] = json!(["Q"])), 0);
    assert_eq!(differing(|d| d["preemption"]["message"] = json!("any")), 0);
    assert_eq!(
        differing(|d| {
            let group = d["filter"][0].clone();
            d["filter"] = json!([group, group]);
            d["filter"][0]["nodes"] = json!([3]);
            d["filter"][1]["nodes"] = json!([1]);
        }),
        0
    );
    assert_eq!(differing(|d| d["preFilterNodes"] = json!([])), 1, "an empty restriction is one");
    assert_eq!(differing(|d| d["preemption"]["victims"] = json!(["default/y", "default/x"])), 1);
}
