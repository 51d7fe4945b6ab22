//! Slow nodes, disks that somebody else has filled, readiness gates, kube-proxies, and whom injected
//! faults strike.

use super::answers_run::{Row, Run, cluster, deployment, number, same, scenario};

const WEB: &str =
    "{name: web, image: 'web:1', readinessProbe: {httpGet: {port: 80}, periodSeconds: 5}}";

/// Two nodes with a disk of 100Gi each and two pods each, in which containers run that are told.
fn run(container: &str, more: &str, rest: &str) -> Run {
    let nodes = cluster(&[("a", 1), ("b", 1)]).replace("pods:", "ephemeral-storage: 100Gi, pods:");
    Run::of(&scenario("40m", &(nodes + &deployment(4, container, more) + rest), ""))
}

fn column(pods: &[Row], node: &str, name: &str) -> Vec<f64> {
    let on = pods.iter().filter(|pod| pod["node"] == node && !pod[name].is_empty());
    on.map(|pod| number(&pod[name])).collect()
}

#[test]
fn on_a_slow_node_probes_time_out_and_everything_starts_later() {
    let checked = "{name: web, image: 'web:1', livenessProbe: {httpGet: {port: 80}, periodSeconds: 5, \
                   failureThreshold: 2}}";
    // Answers take 10 ms: 2 s are too late for a time-out of one, half a second is not.
    for (factor, killed) in [(200, true), (50, false)] {
        let fault = format!(
            "  faults:\n    - {{at: 300s, slowNode: {{node: a-0, factor: {factor}, for: 30s}}}}\n"
        );
        let run = run(checked, "", &fault);
        let pods = run.table("pods.csv");
        let restarts = |node: &str| column(&pods, node, "restarts").iter().sum::<f64>();
        assert_eq!(restarts("a-0") > 0.0, killed, "{factor}");
        assert!(same(restarts("b-0"), 0.0) && pods.len() == 4);
        assert_eq!(run.times("NodeNotReady", ""), [0.0; 0], "nobody tells the API server");
    }
    let slow = "  faults:\n    - {at: 300s, slowNode: {node: a-0, factor: 50}}\n  operations:\n    \
                - {at: 350s, scale: {workload: default/web, replicas: 8}}\n";
    let run = run(WEB, "", slow);
    let ready = |node| column(&run.table("pods.csv"), node, "ready_seconds");
    let late = ready("a-0").into_iter().filter(|at| *at > 300.0).collect::<Vec<_>>();
    // Two seconds of start-up, and the sandbox and the container before it.
    assert!(late.len() == 2 && late.iter().all(|at| (450.0..520.0).contains(at)), "{late:?}");
    let prompt = ready("b-0").into_iter().filter(|at| *at > 300.0).collect::<Vec<_>>();
    assert!(prompt.len() == 2 && prompt.iter().all(|at| *at < 360.0), "{prompt:?}");
}

#[test]
fn a_disk_that_somebody_else_fills_costs_every_pod_of_its_node() {
    let full = |leaves: &str| {
        let fault =
            format!("  faults:\n    - {{at: 300s, diskFull: {{node: a-0{leaves}, for: 20m}}}}\n");
        run(WEB, "", &fault)
    };
    let run = full(", leaves: 5Gi");
    let evicted = run.events("Evicted", "");
    let (evicted, refused): (Vec<_>, Vec<_>) = evicted
        .iter()
        .partition(|(_, told)| told.contains("ephemeral-storage. Threshold quantity: "));
    assert_eq!(evicted.len(), 2, "{evicted:?}");
    assert!(evicted[0].0 < 310.1 && (301.0..345.0).contains(&evicted[1].0), "{evicted:?}");
    assert!(evicted.iter().all(|(_, told)| told.ends_with(", available: 5Gi. ")), "{evicted:?}");
    let under = run.times("NodeHasDiskPressure", "a-0");
    assert!(under.len() == 1 && (300.0..=320.1).contains(&under[0]), "{under:?}");
    // Until the node's status tells of it, pods are bound there that its kubelet refuses.
    assert!(
        refused.iter().all(|(at, told)| *at <= under[0] + 0.1
            && told == "The node had condition: [DiskPressure]. ")
    );
    let pods = run.table("pods.csv");
    let run_on = pods.iter().filter(|pod| pod["phase"] == "Running" && pod["node"] == "b-0");
    assert_eq!(run_on.count(), 4, "then a taint keeps them away");
    // The disk is free at 1500 s, and the condition stays for five minutes more.
    let free = run.times("NodeHasNoDiskPressure", "a-0");
    assert!(free.len() == 1 && (1790.0..=1821.0).contains(&free[0]), "{free:?}");
    let enough = full(", leaves: 20%");
    assert_eq!((enough.times("Evicted", "").len(), enough.table("pods.csv").len()), (0, 4));
    let nothing = full("").times("Evicted", "available: 0. ");
    assert_eq!(nothing.len(), 2, "nothing is left where nothing is said");
}

#[test]
fn two_reasons_for_a_full_disk_last_as_long_as_the_last_of_them() {
    for (first, second, free) in [
        ("leaves: 0, for: 5m", "leaves: 0, for: 20m", 1620.0),
        ("leaves: 1Gi, for: 20m", "leaves: 0, for: 5m", 1500.0),
    ] {
        let faults = format!(
            "  faults:\n    - {{at: 300s, diskFull: {{node: a-0, {first}}}}}\n    - {{at: 420s, diskFull: \
             {{node: a-0, {second}}}}}\n"
        );
        let run = run(WEB, "", &faults);
        assert_eq!(run.times("NodeHasDiskPressure", "").len(), 1);
        let told = run.times("NodeHasNoDiskPressure", "a-0");
        assert!(told.len() == 1 && (free + 290.0..=free + 321.0).contains(&told[0]), "{told:?}");
    }
}

#[test]
fn another_machine_in_the_place_of_a_slow_one_is_not_slow() {
    let rest = "  faults:\n    - {at: 300s, slowNode: {node: a-0, factor: 50}}\n    - {at: 400s, spotReclaim: \
                {node: a-0, notice: 0s, for: 60s}}\n  operations:\n    - {at: 1000s, scale: {workload: \
                default/web, replicas: 8}}\n";
    let pods = run(WEB, "", rest).table("pods.csv");
    let ready = column(&pods, "a-0", "ready_seconds");
    let late: Vec<f64> = ready.into_iter().filter(|at| *at > 900.0).collect();
    assert!(!late.is_empty() && late.iter().all(|at| *at < 1030.0), "{late:?}");
}

const GATED: &str = "readinessGates: [{conditionType: example.com/lb}], ";
const ROLLOUT: &str = "  operations:\n    - {at: 300s, rolloutRestart: {workload: default/web}}\n";

#[test]
fn a_pod_is_ready_once_somebody_has_opened_its_gate() {
    let gate = |opens: &str| {
        let opens = if opens.is_empty() {
            String::new()
        } else {
            format!(
                "  behaviour:\n    - {{selector: {{}}, readinessGates: {{example.com/lb: {opens}}}}}\n"
            )
        };
        run(WEB, GATED, &(opens + ROLLOUT))
    };
    let waits = |run: &Run| -> Vec<f64> {
        let pods = run.table("pods.csv");
        let new = pods[4..].iter().filter(|pod| !pod["ready_seconds"].is_empty());
        new.map(|pod| number(&pod["ready_seconds"]) - number(&pod["created_seconds"])).collect()
    };
    let prompt = waits(&gate(""));
    assert!(prompt.len() == 4 && prompt.iter().all(|wait| *wait < 10.0), "{prompt:?}");
    let slow = gate("30s");
    let late = waits(&slow);
    let far = prompt.iter().zip(&late).all(|(prompt, late)| (late - prompt - 30.0).abs() < 1.5);
    assert!(late.len() == 4 && far, "{prompt:?} {late:?}");
    // The rollout waits for it, and users miss nothing meanwhile.
    let fewest = slow.series("workload_replicas_ready", "workload=\"default/web\"");
    let fewest = fewest.iter().filter(|(at, _)| *at > 60.0).map(|(_, count)| *count);
    assert!(fewest.fold(4.0, f64::min) >= 3.0);
    let never = gate("never");
    let pods = never.table("pods.csv");
    assert_eq!(waits(&never), [0.0; 0]);
    assert!(pods.len() < 8 && column(&pods, "a-0", "deleted_seconds").len() <= 1, "it hangs");
}

#[test]
fn pods_that_start_while_names_cannot_be_resolved_are_not_ready_either() {
    let rest = "  faults:\n    - {at: 300s, dnsOutage: {for: 200s}}\n  operations:\n    \
                - {at: 350s, scale: {workload: default/web, replicas: 6}}\n";
    let pods = run(WEB, "", rest).table("pods.csv");
    let ready: Vec<f64> = pods[4..].iter().map(|pod| number(&pod["ready_seconds"])).collect();
    assert!(ready.len() == 2 && ready.iter().all(|at| (500.0..506.0).contains(at)), "{ready:?}");
}

#[test]
fn a_fault_of_one_container_strikes_that_one_behind_init_containers_too() {
    let more = "initContainers: [{name: i, image: 'i:1'}, {name: j, image: 'j:1'}], ";
    let containers = "{name: a, image: 'a:1'}, {name: b, image: 'b:1'}";
    let fault = "  faults:\n    - {at: 300s, containerFault: {selector: {matchLabels: {app: web}}, \
                 container: b, crash: {}, for: 1s}}\n";
    let run = run(containers, more, fault);
    let started = |name: &str| run.times("Started", &format!("Started container {name}")).len();
    assert_eq!((started("a"), started("b")), (0, 4), "all had run before time began");
}

const SERVICE: &str = "        - {apiVersion: v1, kind: Service, metadata: {name: web}, spec: {selector: \
                       {app: web}, ports: [{port: 80}]}}\n";

/// The share of requests that kube-proxies send to pods which do not serve, in request-seconds.
fn misrouted_seconds(events: &str) -> f64 {
    let run = run(WEB, "", &(SERVICE.to_owned() + events));
    run.metric("service_misrouted_ratio", "service=\"default/web\"") * 2400.0
}

#[test]
fn a_stopped_proxy_keeps_dead_backends_in_its_rules() {
    let delete =
        "  operations:\n    - {at: 300s, deletePod: {workload: default/web, replica: 0}}\n";
    // The pod is no endpoint from its deletion on, half a second before its process exits; at worst
    // rules follow after a second.
    let quick = misrouted_seconds(delete);
    assert!(quick < 0.15, "{quick}");
    // One of two nodes does not hear of it: a quarter of half the requests, from 300.5 s to the end of
    // the fault at 900 s and the list.
    let stopped = "  faults:\n    - {at: 200s, kubeProxyOutage: {node: a-0, for: 700s}}\n";
    let stale = misrouted_seconds(&(stopped.to_owned() + delete));
    let expected = 0.5 * 0.25 * (900.0 - 300.5);
    assert!((expected..expected + 0.5 * 0.25 * 3.6).contains(&stale), "{stale} {expected}");
    // One that stops afterwards knows of it.
    let late = "  faults:\n    - {at: 310s, kubeProxyOutage: {node: a-0, for: 700s}}\n";
    assert!(misrouted_seconds(&(late.to_owned() + delete)) < 0.15);
}

#[test]
fn what_can_have_no_effect_is_worth_a_warning() {
    let spec = cluster(&[("a", 1)])
        + &deployment(1, WEB, "")
        + "  faults:\n    - {at: 300s, kubeProxyOutage: {node: a-0}}\n    - {at: 300s, containerFault: \
           {selector: {}, processLeak: {perMinute: 9}}}\n";
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("s.yaml"), scenario("20m", &spec, "")).unwrap();
    let output = super::wavetank(dir.path(), &[], &["validate", "s.yaml"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("s.yaml:"), "{told}");
    assert!(told.contains("there is no Service whose rules a kube-proxy could keep"), "{told}");
    assert!(told.contains("no node pool says how many process ids its nodes have"), "{told}");
}

#[test]
fn without_an_api_server_dead_pods_stay_in_rotation() {
    let hang = "    - {at: 305s, containerFault: {selector: {matchLabels: {app: web}}, share: 0.25, hang: {}, \
                for: 500s}}\n";
    // Three readiness probes, five seconds apart, each with a time-out of one.
    let sound = misrouted_seconds(&format!("  faults:\n{hang}"));
    assert!((0.25 * 10.0..0.25 * 18.0).contains(&sound), "{sound}");
    // Until it is back at 600 s, and a controller-manager leads again.
    let outage = "    - {at: 300s, apiServerOutage: {for: 300s}}\n";
    let dead = misrouted_seconds(&format!("  faults:\n{outage}{hang}"));
    assert!((0.25 * 295.0..0.25 * 400.0).contains(&dead), "{dead}");
}
