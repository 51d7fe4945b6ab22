//! Known answers of the control plane: lost nodes and zones, rollouts, spikes.

use super::answers_run::{Row, Run, cluster, deployment, number, same, scenario};

const WEB: &str = "{name: web, image: 'web:1'}";
const ONE_A_NODE: &str = "{name: web, image: 'web:1', resources: {requests: {cpu: \"3\"}}}";

fn deleted(pods: &[Row]) -> usize {
    pods.iter().filter(|pod| !pod["deleted_seconds"].is_empty()).count()
}

#[test]
fn a_lost_node_is_reported_once_and_its_pods_hang_in_terminating() {
    let faults = "  faults:\n    - {at: 302s, nodeCrash: {node: a-0}}\n";
    let spec = cluster(&[("a", 1), ("b", 1)]) + &deployment(4, WEB, "") + faults;
    let run = Run::of(&scenario("20m", &spec, ""));
    let pods = run.table("pods.csv");
    let lost: Vec<&Row> = pods.iter().filter(|pod| pod["node"] == "a-0").collect();
    assert_eq!(lost.len(), 2);
    let node = run.events("NodeNotReady", "status is now");
    assert_eq!(node.len(), 1);
    assert_eq!(node[0].1, "Node a-0 status is now: NodeNotReady");
    for pod in &lost {
        let told = run.events("NodeNotReady", &pod["name"]);
        assert_eq!(told.len(), 1, "{}", pod["name"]);
        assert_eq!(told[0].1, "Node is not ready");
        assert!(pod["deleted_seconds"].is_empty(), "nobody is there to confirm that it is gone");
    }
    assert_eq!(run.times("NodeNotReady", "").len(), 3, "nothing else is said of it");
    assert_eq!(run.times("TaintManagerEviction", "").len(), 2);
    assert_eq!(pods.len(), 6, "each has one replacement");
    assert!(same(run.metric("rollouts_complete_total", ""), 0.0), "a recovery is no rollout");
}

/// Lost for 90 s: not ready for a while, and everything comes back in place.
#[test]
fn a_node_that_reboots_keeps_its_pods() {
    let faults = "  faults:\n    - {at: 300s, nodeCrash: {node: a-0, for: 80s}}\n";
    let scale = "  operations:\n    - {at: 10m, scale: {workload: default/web, replicas: 2}}\n";
    let spec = cluster(&[("a", 1), ("b", 1)]) + &deployment(1, ONE_A_NODE, "");
    let run = Run::of(&scenario("20m", &(spec + faults + scale), ""));
    let pods = run.table("pods.csv");
    assert_eq!((pods.len(), deleted(&pods)), (2, 0));
    let survivor = &pods[0];
    let was_struck = survivor["node"] == "a-0";
    assert_eq!(survivor["restarts"], if was_struck { "1" } else { "0" });
    let not_ready = run.times("NodeNotReady", "a-0");
    assert!(not_ready.len() == 1 && (340.0..=355.1).contains(&not_ready[0]), "{not_ready:?}");
    let back = run.events("NodeReady", "a-0");
    assert_eq!(back.len(), 1);
    assert!(same(back[0].0, 390.0), "{back:?}");
    assert_eq!(back[0].1, "Node a-0 status is now: NodeReady");
    assert_eq!(run.times("TaintManagerEviction", ""), [0.0; 0]);
    // Its taints are gone: the second pod finds room on whichever node is free.
    assert!(!pods[1]["ready_seconds"].is_empty());
    let ready = number(&pods[1]["ready_seconds"]);
    assert!((600.0..610.0).contains(&ready), "{ready}");
    let ready = run.metric("nodes_ready_ratio", "");
    let expected = 1.0 - (390.0 - not_ready[0]) / 2400.0;
    assert!((ready - expected).abs() < 1e-3, "{ready} {expected}");
}

/// When the pods of lost nodes are given up, in seconds after the first.
fn given_up(zones: &[(&str, u32)], faults: &str, duration: &str) -> Vec<f64> {
    let nodes: u32 = zones.iter().map(|(_, count)| count).sum();
    let spec = cluster(zones) + &deployment(nodes, ONE_A_NODE, "") + "  faults:\n" + faults;
    let run = Run::of(&scenario(duration, &spec, "tolerationSeconds: 30"));
    let mut times = run.times("TaintManagerEviction", "");
    let first = times.first().copied().unwrap_or(0.0);
    for time in &mut times {
        *time -= first;
    }
    times
}

fn crash(nodes: std::ops::Range<u32>) -> String {
    nodes.map(|node| format!("    - {{at: 300s, nodeCrash: {{node: a-{node}}}}}\n")).collect()
}

#[test]
fn zones_set_the_rate_at_which_nodes_are_given_up() {
    let zone = |zone: &str| format!("    - {{at: 300s, zoneOutage: {{zone: {zone}}}}}\n");
    let ten: Vec<f64> = (0..5).map(|k| f64::from(k) * 10.0).collect();
    let hundred: Vec<f64> = (0..3).map(|k| f64::from(k) * 100.0).collect();
    let three = [("a", 5), ("b", 5), ("c", 5)];
    // The queue is drained every 100 ms; of many lost nodes the first taint waits for the client's
    // rate limit behind all that is written about them.
    let (prompt, crowded) = (0.11, 2.0);
    type Row<'a> = (&'a str, &'a [(&'a str, u32)], String, &'a [f64], f64);
    let cut = "    - {at: 300s, networkPartition: {zone: a}}\n".to_owned();
    let rows: [Row<'_>; 7] = [
        ("one zone of three: one node each 10 s", &three, zone("a"), &ten, prompt),
        ("one zone of three cut off: the same", &three, cut, &ten, prompt),
        ("half of a zone: normal", &[("a", 10), ("b", 3)], crash(0..5), &ten, prompt),
        ("more than 55 % of a small zone: none", &[("a", 10), ("b", 3)], crash(0..6), &[], prompt),
        (
            "more than 55 % of a large zone: one each 100 s",
            &[("a", 60), ("b", 3)],
            crash(0..40),
            &hundred,
            crowded,
        ),
        (
            "two nodes of three: not more than two are down",
            &[("a", 3), ("b", 3)],
            crash(0..2),
            &ten[..2],
            prompt,
        ),
        ("all zones: none", &three, zone("a") + &zone("b") + &zone("c"), &[], prompt),
    ];
    for (what, zones, faults, expected, slack) in rows {
        let times = given_up(zones, &faults, "660s");
        assert_eq!(times.len(), expected.len(), "{what}: {times:?}");
        for (time, expected) in times.iter().zip(expected) {
            assert!((time - expected).abs() <= slack, "{what}: {times:?}");
        }
    }
}

/// Pods of a zone that is cut off have room elsewhere, but a zone whose nodes are tainted still counts
/// as one with none of the pods, unless the constraint honours taints.
#[test]
fn hard_spread_over_zones_keeps_the_pods_of_a_lost_zone_waiting() {
    // The constraint's policy, until when the zone is cut off, pods a zone at the end, pods that wait.
    let rows = [
        ("Ignore", "", [0, 2, 2], 2.0),
        ("Ignore", ", for: 8m", [2, 2, 2], 0.0),
        ("Honor", "", [0, 3, 3], 0.0),
        ("Honor", ", for: 8m", [0, 3, 3], 0.0),
    ];
    for (taints, until, expected, waiting) in rows {
        let spread = format!(
            "topologySpreadConstraints: [{{maxSkew: 1, topologyKey: topology.kubernetes.io/zone, \
             whenUnsatisfiable: DoNotSchedule, nodeTaintsPolicy: {taints}, \
             labelSelector: {{matchLabels: {{app: web}}}}}}], "
        );
        let spec = cluster(&[("a", 2), ("b", 2), ("c", 2)])
            + &deployment(6, "{name: web, image: 'web:1'}", &spread)
            + &format!("  faults:\n    - {{at: 300s, networkPartition: {{zone: a{until}}}}}\n");
        let run = Run::of(&scenario("20m", &spec, "tolerationSeconds: 30"));
        let row = format!("{taints}{until}");
        let pods = run.table("pods.csv");
        // What was deleted behind the partition is there until its node hears of it.
        let evicted: Vec<String> = run
            .events("TaintManagerEviction", "Marking for deletion")
            .into_iter()
            .filter_map(|(_, told)| told.rsplit('/').next().map(str::to_owned))
            .collect();
        assert_eq!(evicted.len(), 2, "{row}: {:?}", run.events("TaintManagerEviction", ""));
        let on = |zone: &str| {
            let there = pods.iter().filter(|pod| pod["node"].starts_with(zone));
            there.filter(|pod| !evicted.contains(&pod["name"])).count()
        };
        assert_eq!([on("a-"), on("b-"), on("c-")], expected, "{row}: {evicted:?}");
        let pending = run.metric("pods_pending_at_end", "");
        assert!((pending - waiting).abs() < 1e-9, "{row}: {pending}");
    }
}

#[test]
fn a_rollout_never_leaves_its_bounds() {
    // Replicas; what 25 % up and down make of them; the first steps.
    let rows: [(u32, f64, f64, &[&str]); 5] = [
        (1, 1.0, 2.0, &["up from 0 to 1", "down from 1 to 0"]),
        (
            2,
            2.0,
            3.0,
            &["up from 0 to 1", "down from 2 to 1", "up from 1 to 2", "down from 1 to 0"],
        ),
        (3, 3.0, 4.0, &["up from 0 to 1", "down from 3 to 2", "up from 1 to 2"]),
        (4, 3.0, 5.0, &["up from 0 to 1", "down from 4 to 3", "up from 1 to 2"]),
        (10, 8.0, 13.0, &["up from 0 to 3", "down from 10 to 8", "up from 3 to 5"]),
    ];
    for (replicas, least, most, steps) in rows {
        let spec = cluster(&[("a", 2), ("b", 2)])
            + &deployment(replicas, WEB, "")
            + "  operations:\n    - {at: 100s, rolloutRestart: {workload: default/web}}\n";
        let run = Run::of(&scenario("10m", &spec, ""));
        let told = run.events("ScalingReplicaSet", "");
        for ((_, message), step) in told.iter().zip(steps) {
            let words: Vec<&str> = message.split(' ').collect();
            let said = format!("{} {}", words[1], words[5..].join(" "));
            assert_eq!(said, *step, "{replicas} replicas: {told:?}");
        }
        let mut live = std::collections::BTreeMap::new();
        let mut points: Vec<(f64, &str, f64)> = Vec::new();
        for state in ["unscheduled", "starting", "ready", "unready"] {
            let series = run.series("pods", &format!("state=\"{state}\""));
            points.extend(series.into_iter().map(|(time, value)| (time, state, value)));
        }
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        for instant in points.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
            live.extend(instant.iter().map(|(_, state, value)| (*state, *value)));
            let (time, total) = (instant[0].0, live.values().sum::<f64>());
            assert!(total <= most, "{replicas} replicas: {total} at {time}");
            assert!(live["ready"] >= least, "{replicas} replicas: {} at {time}", live["ready"]);
        }
        let pods = run.table("pods.csv");
        let replicas = replicas as usize;
        assert_eq!((pods.len(), deleted(&pods)), (2 * replicas, replicas), "each once");
        assert!(same(run.metric("rollouts_complete_total", ""), 1.0));
    }
}

#[test]
fn a_rollout_is_a_new_template_or_the_first() {
    let crash = "  faults:\n    - {at: 100s, nodeCrash: {node: a-0, for: 20s}}\n";
    let again = "{at: 300s, rolloutRestart: {workload: default/web}}";
    let scale = "{at: 200s, scale: {workload: default/web, replicas: 6}}";
    let empty = "  start: empty\n  measureFrom: 0s\n";
    let rows = [
        ("", String::new(), 0.0),
        ("", crash.to_owned(), 0.0),
        ("", format!("  operations:\n    - {scale}\n"), 0.0),
        ("", format!("  operations:\n    - {scale}\n    - {again}\n"), 1.0),
        (empty, String::new(), 1.0),
        (empty, crash.to_owned(), 1.0),
        (empty, format!("{crash}  operations:\n    - {scale}\n    - {again}\n"), 2.0),
    ];
    for (start, happens, rollouts) in rows {
        let spec = start.to_owned() + &cluster(&[("a", 1), ("b", 1)]);
        let spec = spec + &deployment(4, WEB, "") + &happens;
        let run = Run::of(&scenario("10m", &spec, "nodeMonitorGracePeriod: 12s"));
        assert!(same(run.metric("rollouts_complete_total", ""), rollouts), "{start}{happens}");
    }
}

#[test]
fn a_workload_that_found_no_room_before_the_fault_is_never_whole() {
    let faults = "  faults:\n    - {at: 100s, nodeCrash: {node: a-0, for: 20s}}\n";
    let spec = cluster(&[("a", 1), ("b", 1)]) + &deployment(3, ONE_A_NODE, "") + faults;
    let run = Run::of(&scenario("10m", &spec, ""));
    let rows = run.table("recovery.csv");
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (rows[0]["censored"].as_str(), number(&rows[0]["time_to_whole_seconds"])),
        ("true", 500.0)
    );
    assert!(same(run.metric("recovery_censored_total", ""), 1.0));
    assert!(same(run.metric("time_to_whole_seconds", ""), 500.0));
}

/// Most instants within any second of the window.
fn busiest_second(times: &[f64]) -> usize {
    let within = |from: f64| times.iter().filter(|t| (from..from + 1.0).contains(t)).count();
    times.iter().map(|&time| within(time)).max().unwrap_or(0)
}

fn sorted(pods: &[Row], column: &str) -> Vec<f64> {
    let mut times: Vec<f64> = pods.iter().map(|pod| number(&pod[column])).collect();
    times.sort_by(f64::total_cmp);
    times
}

#[test]
fn a_spike_of_a_thousand_pods_is_created_at_twenty_a_second() {
    let scale = "  operations:\n    - {at: 100s, scale: {workload: default/web, replicas: 1000}}\n";
    let spec = cluster(&[("a", 10)]) + &deployment(0, WEB, "") + scale;
    let run = Run::of(&scenario("10m", &spec, ""));
    let pods = run.table("pods.csv");
    assert_eq!(pods.len(), 1000);
    let created = sorted(&pods, "created_seconds");
    let burst = created.iter().filter(|time| **time < 101.0).count();
    assert!((30..=51).contains(&burst), "{burst} in the first second");
    let late: Vec<f64> = created.iter().copied().filter(|time| *time >= 101.0).collect();
    let rate = (late.len() - 1) as f64 / (late[late.len() - 1] - late[0]);
    assert!((19.0..=20.1).contains(&rate), "{rate} a second");
    assert!(busiest_second(&late) <= 21);
    let bound = sorted(&pods, "scheduled_seconds");
    assert!(busiest_second(&bound) <= 51, "{}", busiest_second(&bound));
}

/// A thousand pods that are there at once: the scheduler's client binds 100, then 50 a second.
#[test]
fn a_thousand_waiting_pods_are_bound_at_fifty_a_second() {
    let pods: String = (0..1000)
        .map(|n| {
            format!(
                "        - {{apiVersion: v1, kind: Pod, metadata: {{name: p{n}}}, spec: \
                 {{containers: [{WEB}]}}}}\n"
            )
        })
        .collect();
    let spec = format!(
        "  start: empty\n  measureFrom: 0s\n{}  workloads:\n    - objects:\n{pods}",
        cluster(&[("a", 10)])
    );
    let run = Run::of(&scenario("5m", &spec, ""));
    let bound = sorted(&run.table("pods.csv"), "scheduled_seconds");
    assert_eq!(bound.len(), 1000);
    for (number, time) in (1_i32..).zip(&bound) {
        let allowed = 100.0 + 50.0 * (time - bound[0]);
        assert!(f64::from(number) <= allowed + 1.0, "{number} by {time}");
    }
    let last = bound[999] - bound[0];
    assert!((17.9..=18.5).contains(&last), "900 at 50 a second take 18 s, not {last}");
}
