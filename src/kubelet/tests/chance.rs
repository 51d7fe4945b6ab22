//! Probes whose outcome is a matter of chance: how long a container with a share of errors lives, held
//! against the distribution of the first run of failures.

use statrs::distribution::{ChiSquared, ContinuousCDF};

use super::cluster::*;
use crate::model::*;
use crate::record::Fact;

/// Probability that the first run of `threshold` failures ends with the n-th probe, for n from 0.
fn first_run(rate: f64, threshold: usize, most: usize) -> Vec<f64> {
    let whole = (0..threshold).fold(1.0, |product, _| product * rate);
    let mut ends: Vec<f64> = vec![0.0; most + 1];
    for n in threshold..=most {
        // The run begins after a success, or with the first probe, and none has ended before.
        ends[n] = if n == threshold {
            whole
        } else {
            let before: f64 = ends[..n - threshold].iter().sum();
            (1.0 - rate) * whole * (1.0 - before)
        };
    }
    ends
}

/// Probes until the kill of each of so many pods whose answers are errors at this rate.
fn lives(pods: usize, rate: f64, threshold: u32, ticking: bool) -> Vec<usize> {
    let mut only = container("c0", 0);
    only.liveness =
        Some(ProbeSpec { failure_threshold: threshold, ..probe(ProbeHandler::HttpGet) });
    only.behaviour.failures = vec![FailureProcess {
        mode: FailureMode::ErrorRate { rate },
        onset: Onset::At(at(0.001)),
        recovers: Recovers::OnRestart,
    }];
    let model = model(template(vec![only]));
    let mut cluster = if ticking { Cluster::ticking(&model) } else { Cluster::new(&model) };
    for _ in 0..pods {
        cluster.adopt();
    }
    cluster.run_to(at(3000.0));
    let mut lives: Vec<Option<usize>> = vec![None; pods];
    for (time, fact) in cluster.record.facts() {
        if let Fact::ProbeResult { pod, passing: false, .. } = fact {
            // Answers come at once, and the first probe within the first ten seconds.
            let probes = (time.as_secs_f64() / 10.0).ceil() as usize;
            lives[pod.index()].get_or_insert(probes);
        }
    }
    lives.into_iter().map(|life| life.expect("every container is killed some time")).collect()
}

/// p-value of the hypothesis that lives come from the distribution, by chi-square; the tail is one
/// class.
fn p_value(lives: &[usize], expected: &[f64], threshold: usize) -> f64 {
    let n = lives.len() as f64;
    let mut statistic = 0.0;
    let mut classes = 0.0;
    let mut rest = (n, n);
    for (probes, share) in expected.iter().enumerate().skip(threshold) {
        let (seen, wanted) =
            (lives.iter().filter(|&&life| life == probes).count() as f64, share * n);
        if wanted < 20.0 {
            break;
        }
        statistic += (seen - wanted) * (seen - wanted) / wanted;
        classes += 1.0;
        rest = (rest.0 - seen, rest.1 - wanted);
    }
    if rest.1 > 5.0 {
        statistic += (rest.0 - rest.1) * (rest.0 - rest.1) / rest.1;
        classes += 1.0;
    }
    let chi = ChiSquared::new(classes - 1.0).unwrap();
    1.0 - chi.cdf(statistic)
}

#[test]
fn containers_with_errors_live_until_the_first_run_of_failures() {
    for (rate, threshold) in [(0.5, 3), (0.8, 2), (0.3, 1)] {
        let lives = lives(1500, rate, threshold, false);
        let threshold = threshold as usize;
        let p = p_value(&lives, &first_run(rate, threshold, 200), threshold);
        assert!(p > 0.001, "rate {rate}, threshold {threshold}: p = {p}");
        // The test can fail: lives at another rate are not taken for these.
        let other = p_value(&lives, &first_run(rate * 1.15, threshold, 200), threshold);
        assert!(other < 0.001, "rate {rate}, threshold {threshold}: p = {other}");
    }
}

#[test]
fn a_kubelet_that_ticks_always_draws_the_same_lots() {
    assert_eq!(lives(200, 0.5, 3, false), lives(200, 0.5, 3, true));
}
