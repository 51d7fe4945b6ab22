//! Known answers of kubelets: start, probes, restarts.

use super::answers_run::{Run, cluster, deployment, number, same, scenario};

/// When the pod was bound: with no latencies its probe workers tick from then on.
fn bound(run: &Run) -> f64 {
    number(&run.table("pods.csv")[0]["scheduled_seconds"])
}

/// PLEG sees an exit within a second, and a start takes 0.15 s.
const START_S: f64 = 0.15;

#[test]
fn restarts_wait_by_the_curve_from_the_finish() {
    // Seconds of health before each crash, recovery policy, waits.
    let rows: [(f64, &str, &[f64]); 5] = [
        (1.0, "", &[0.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0, 300.0]),
        (1.0, "maxContainerRestartPeriod: 60s, ", &[0.0, 10.0, 20.0, 40.0, 60.0, 60.0]),
        (1.0, "initial: 1s, maxContainerRestartPeriod: 5s, ", &[0.0, 1.0, 2.0, 4.0, 5.0, 5.0]),
        // Less and more than ten minutes since the restart before, whatever the longest wait.
        (125.0, "maxContainerRestartPeriod: 60s, ", &[0.0, 10.0, 20.0, 40.0, 60.0, 60.0]),
        (605.0, "maxContainerRestartPeriod: 60s, ", &[0.0, 0.0]),
    ];
    for (health, policy, waits) in rows {
        let spec = format!(
            "  start: empty\n  measureFrom: 0s\n{}{}  behaviour:
    - selector: {{}}
      startup: {health}s
      failures: [{{crash: {{exitCode: 1, at: 0s, recovers: never}}}}]
",
            cluster(&[("a", 1)]),
            deployment(1, "{name: web, image: 'web:1'}", "")
        );
        let recovery = format!("crashLoopBackOff: {{{policy}jitter: 0}}");
        let run = Run::of(&scenario("40m", &spec, &recovery));
        let started = run.times("Started", "web");
        assert!(started.len() > waits.len(), "{started:?}");
        for (pair, &wait) in started.windows(2).zip(waits) {
            let waited = pair[1] - pair[0] - health - START_S;
            let noticed = if wait < 0.5 { 1.0 } else { 0.0 };
            assert!(
                (wait - 1e-6..=wait + noticed + 1e-6).contains(&waited),
                "{waited} s instead of {wait} s: {started:?}"
            );
        }
    }
}

#[test]
fn a_hung_process_is_killed_at_the_instants_of_the_reference() {
    // Probe: period, time-out, threshold; grace; preStop; hang, and the tick that first meets it.
    let rows = [
        ((10, 1, 3), 30, 5, 52.0, 60.0),
        ((10, 1, 3), 30, 5, 59.9, 60.0),
        ((10, 1, 3), 30, 5, 60.5, 70.0),
        ((5, 2, 2), 10, 0, 52.0, 55.0),
        ((10, 1, 1), 30, 40, 52.0, 60.0),
        // A time-out longer than the period: one probe follows another.
        ((1, 3, 3), 30, 0, 52.5, 53.0),
    ];
    for ((period, timeout, threshold), grace, pre_stop, hang, tick) in rows {
        let probe = format!(
            "livenessProbe: {{httpGet: {{path: /, port: 80}}, periodSeconds: {period}, \
             timeoutSeconds: {timeout}, failureThreshold: {threshold}}}"
        );
        let hook = match pre_stop {
            0 => String::new(),
            s => format!(", lifecycle: {{preStop: {{sleep: {{seconds: {s}}}}}}}"),
        };
        let spec = format!(
            "  start: empty\n  measureFrom: 0s\n{}{}  behaviour:
    - selector: {{}}
      failures: [{{hang: {{at: {hang}s}}}}]
",
            cluster(&[("a", 1)]),
            deployment(
                1,
                &format!("{{name: web, image: 'web:1', {probe}{hook}}}"),
                &format!("terminationGracePeriodSeconds: {grace}, ")
            )
        );
        let run = Run::of(&scenario("5m", &spec, ""));
        let row = format!("{period} {timeout} {threshold} {grace} {pre_stop} {hang}");
        let (period, timeout) = (f64::from(period), f64::from(timeout));
        let first = bound(&run) + tick + timeout;
        let failures: Vec<f64> =
            (0..threshold).map(|k| first + f64::from(k) * period.max(timeout)).collect();
        let mut seen = run.times("Unhealthy", "Liveness probe failed");
        // Others met a container that was starting.
        let decided = failures[failures.len() - 1];
        seen.retain(|time| (hang..=decided + 1e-6).contains(time));
        assert_eq!(seen.len(), failures.len(), "{row}: {seen:?}");
        assert!(
            seen.iter().zip(&failures).all(|(a, b)| same(*a, *b)),
            "{row}: {seen:?} {failures:?}"
        );
        let killing = run.events("Killing", "");
        assert_eq!(killing.len(), 1, "{row}");
        assert!(same(killing[0].0, decided), "{row}: {killing:?}");
        assert_eq!(killing[0].1, "Container web failed liveness probe, will be restarted");
        // The hook is charged against the grace period, of which two seconds remain at least.
        let hook = f64::from(pre_stop.min(grace));
        let gone = decided + hook + (f64::from(grace) - hook).max(2.0);
        let restarted = run.times("Started", "web")[1];
        let soonest = gone + START_S;
        assert!((soonest - 1e-6..=soonest + 1.0).contains(&restarted), "{row}: {restarted} {gone}");
        assert_eq!(run.table("pods.csv")[0]["restarts"], "1", "{row}");
        assert!(same(run.metric("container_restarts_total", "cause=\"liveness\""), 1.0));
    }
}

/// The reference's worked start: images of 20 s and 15 s, the first container needs 12 s to be up
/// and has a startup probe every 5 s.
#[test]
fn a_pod_of_two_containers_starts_one_after_the_other() {
    let containers = "{name: c1, image: 'one:1', startupProbe: {httpGet: {path: /, port: 80}, \
                      periodSeconds: 5}, readinessProbe: {httpGet: {path: /, port: 80}}}, \
                      {name: c2, image: 'two:1'}";
    // 50 MB a second after half a second: 975 MB take 20 s.
    let spec = format!(
        "  start: empty\n  measureFrom: 0s\n{}{}  behaviour:
    - {{selector: {{}}, container: c1, startup: 12s, imageSize: 975M}}
    - {{selector: {{}}, container: c2, startup: 0s, imageSize: 725M}}
",
        cluster(&[("a", 1)]),
        deployment(1, containers, "")
    );
    let run = Run::of(&scenario("2m", &spec, ""));
    let at = bound(&run);
    let sandbox = at + 0.3;
    for (reason, word, expected) in [
        ("Pulling", "one", sandbox),
        ("Pulled", "one", sandbox + 20.0),
        ("Started", "c1", sandbox + 20.0 + START_S),
        ("Pulling", "two", sandbox + 20.0 + START_S),
        ("Pulled", "two", sandbox + 35.0 + START_S),
        ("Started", "c2", sandbox + 35.0 + 2.0 * START_S),
    ] {
        let times = run.times(reason, word);
        assert!(times.len() == 1 && same(times[0], expected), "{reason} {word}: {times:?}");
    }
    let failed = run.times("Unhealthy", "Startup probe failed");
    assert!(failed.len() == 2 && same(failed[0], at + 25.0) && same(failed[1], at + 30.0));
    let complete = sandbox + 35.0 + 2.0 * START_S;
    let ready = number(&run.table("pods.csv")[0]["ready_seconds"]);
    assert!((complete..=complete + 1.0).contains(&ready), "{ready} {complete}");
}

#[test]
fn a_container_that_exits_or_runs_out_of_memory_restarts_in_place() {
    let rows = [
        ("crash: {exitCode: 3, at: 100s}", "cause=\"exit\"", 100.0),
        // A hundred MiB a minute from 50 of 150 MiB on.
        ("leak: {perMinute: 100Mi, at: 100s}", "cause=\"oom\"", 160.0),
    ];
    for (failure, cause, exit) in rows {
        let spec = format!(
            "{}{}  behaviour:
    - {{selector: {{}}, startup: 3s, memory: 50Mi, failures: [{{{failure}}}]}}
",
            cluster(&[("a", 1)]),
            deployment(
                1,
                "{name: web, image: 'web:1', resources: {limits: {memory: 150Mi}}, \
                 readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 1}}",
                ""
            )
        );
        let run = Run::of(&scenario("10m", &spec, ""));
        let started = run.times("Started", "web");
        assert_eq!(started.len(), 1, "{cause}");
        let soonest = exit + START_S;
        assert!((soonest - 1e-6..=soonest + 1.0).contains(&started[0]), "{cause}: {started:?}");
        assert!(same(run.metric("container_restarts_total", cause), 1.0));
        assert!(same(run.metric("pods_created_total", ""), 0.0), "in place");
        let ready = run.series("workload_replicas_ready", "workload=\"default/web\"");
        let [(_, all), (down, none), (up, again)] = ready[..] else { panic!("{ready:?}") };
        assert!(same(all, 1.0) && same(none, 0.0) && same(again, 1.0));
        assert!((exit..=exit + 1.0).contains(&down), "{cause}: {ready:?}");
        let serves = started[0] + 3.0;
        assert!((serves..=serves + 2.0).contains(&up), "{cause}: {ready:?}");
    }
}
