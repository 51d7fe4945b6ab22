//! Comparisons worked out by hand or taken from the literature.

use super::*;
use crate::base::math::sqrt;

const SLEEP_A: [f64; 10] = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
const SLEEP_B: [f64; 10] = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];

fn spec(name: &str, better: Better, primary: bool) -> MetricSpec {
    MetricSpec { name: name.to_owned(), labels: String::new(), unit: "h", better, primary }
}

fn names(policies: &[&str]) -> Vec<String> {
    policies.iter().map(|p| (*p).to_owned()).collect()
}

/// Rows of one policy and metric; `None` is a replication without a value.
fn rows(policy: &str, metric: &str, values: &[Option<f64>]) -> Vec<ReplicationRow> {
    let mut out = Vec::new();
    for (replication, value) in values.iter().enumerate() {
        if let Some(value) = value {
            out.push(ReplicationRow {
                policy: policy.to_owned(),
                replication: count(replication),
                metric: metric.to_owned(),
                labels: String::new(),
                value: *value,
            });
        }
    }
    out
}

fn full(policy: &str, metric: &str, values: &[f64]) -> Vec<ReplicationRow> {
    rows(policy, metric, &values.iter().map(|v| Some(*v)).collect::<Vec<_>>())
}

fn close(got: f64, want: f64, absolute: f64) {
    assert!((got - want).abs() <= absolute, "got {got}, want {want}");
}

fn verdicts(rows: &[ComparisonRow]) -> Vec<(&str, &str, &str)> {
    rows.iter().map(|r| (r.metric.as_str(), r.policy.as_str(), r.verdict.as_str())).collect()
}

#[test]
fn students_sleep_data() {
    let all = [full("a", "sleep", &SLEEP_A), full("b", "sleep", &SLEEP_B)].concat();
    for (better, verdict) in
        [(Better::Higher, "better"), (Better::Lower, "worse"), (Better::Neither, "different")]
    {
        let metrics = [spec("sleep", better, true)];
        let out = compare(&all, &names(&["a", "b"]), "a", &metrics).expect("clean rows");
        assert_eq!(verdicts(&out), [("sleep", "a", "baseline"), ("sleep", "b", verdict)]);
        let (a, b) = (&out[0], &out[1]);
        assert_eq!((a.n, a.diff, a.diff_lo, a.p_adjusted), (10, None, None, None));
        assert_eq!((b.unit.as_str(), b.better.as_str(), b.primary), ("h", better.as_str(), true));
        close(a.mean, 0.75, 1e-12);
        close(a.sd, 1.789_010, 1e-6);
        close(a.hi - a.mean, 2.262_157_163 * 1.789_010 / sqrt(10.0), 1e-5);
        close(b.mean, 2.33, 1e-12);
        close(b.diff.expect("not the baseline"), 1.58, 1e-12);
        close(b.diff_lo.expect("ten pairs"), 0.700_114_2, 1e-7);
        close(b.diff_hi.expect("ten pairs"), 2.459_885_8, 1e-7);
        close(b.p_adjusted.expect("ten pairs"), 0.002_832_89, 1e-8);
    }
}

#[test]
fn rows_come_in_the_given_order_and_others_are_passed_over() {
    let mut all = Vec::new();
    for policy in ["x", "z", "y"] {
        for metric in ["m2", "m1", "m3"] {
            all.extend(full(policy, metric, &[1.0, 2.0]));
        }
    }
    let metrics = [spec("m2", Better::Lower, true), spec("m1", Better::Lower, false)];
    let out = compare(&all, &names(&["y", "x"]), "x", &metrics).expect("clean rows");
    let order: Vec<_> = out.iter().map(|r| (r.metric.as_str(), r.policy.as_str())).collect();
    assert_eq!(order, [("m2", "y"), ("m2", "x"), ("m1", "y"), ("m1", "x")]);
    // Input order means nothing.
    all.reverse();
    assert_eq!(compare(&all, &names(&["y", "x"]), "x", &metrics), Ok(out));
}

#[test]
fn equal_policies_are_no_difference() {
    let values = [0.1 + 0.2, 1.0 / 3.0, 7e9];
    let nearly = [0.3, 1.0 / 3.0, 7e9];
    let all = [full("a", "m", &values), full("b", "m", &nearly)].concat();
    let metrics = [spec("m", Better::Lower, true)];
    let out = compare(&all, &names(&["a", "b"]), "a", &metrics).expect("clean rows");
    let b = &out[1];
    assert_eq!((b.diff, b.diff_lo, b.diff_hi), (Some(0.0), Some(0.0), Some(0.0)));
    assert_eq!((b.p_adjusted, b.verdict.as_str()), (Some(1.0), "no difference"));
}

#[test]
fn one_replication_gives_a_mean_and_nothing_more() {
    let all = [full("a", "m", &[3.0]), full("b", "m", &[5.0])].concat();
    let metrics = [spec("m", Better::Lower, true)];
    let out = compare(&all, &names(&["a", "b"]), "a", &metrics).expect("clean rows");
    let b = &out[1];
    close(b.mean, 5.0, 0.0);
    assert_eq!((b.n, b.lo.to_bits(), b.hi.to_bits()), (1, b.mean.to_bits(), b.mean.to_bits()));
    assert_eq!((b.diff, b.diff_lo, b.diff_hi, b.p_adjusted), (Some(2.0), None, None, None));
    assert_eq!(verdicts(&out), [("m", "a", "baseline"), ("m", "b", "not comparable")]);
}

/// Pairs are made by replication number, not by position.
#[test]
fn only_replications_that_both_have_are_paired() {
    let a = [None, Some(10.0), Some(20.0), Some(30.0), Some(40.0)];
    let b = [Some(500.0), Some(11.0), None, Some(31.5), Some(41.0)];
    let all = [rows("a", "m", &a), rows("b", "m", &b)].concat();
    let metrics = [spec("m", Better::Lower, true)];
    let policies = names(&["a", "b"]);
    let out = compare(&all, &policies, "a", &metrics).expect("clean rows");
    assert_eq!((out[0].n, out[1].n), (4, 4));
    close(out[1].diff.expect("three pairs"), 3.5 / 3.0, 1e-12);
    let told = unpaired(&all, &policies, "a", &metrics).expect("clean rows");
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].policy_n, told[0].baseline_n, told[0].pairs), (4, 4, 3));
    let complete = [full("a", "m", &[1.0, 2.0]), full("b", "m", &[1.0, 3.0])].concat();
    assert_eq!(unpaired(&complete, &policies, "a", &metrics), Ok(Vec::new()));
}

#[test]
fn a_policy_without_the_metric_has_no_row_and_a_baseline_without_it_compares_nothing() {
    let metrics = [spec("m", Better::Lower, true)];
    let policies = names(&["a", "b"]);
    let out = compare(&full("a", "m", &[1.0, 2.0]), &policies, "a", &metrics);
    assert_eq!(verdicts(&out.expect("clean rows")), [("m", "a", "baseline")]);
    let out = compare(&full("b", "m", &[1.0, 2.0]), &policies, "a", &metrics).expect("clean rows");
    assert_eq!(verdicts(&out), [("m", "b", "not comparable")]);
    assert_eq!((out[0].n, out[0].diff, out[0].p_adjusted), (2, None, None));
    let none = compare(&[], &policies, "a", &metrics);
    assert_eq!(none, Ok(Vec::new()));
}

/// Two policies × two primary metrics are a family of four; a secondary metric is left alone.
/// With differences ±δ about a mean the p-values are known from the sleep data.
#[test]
fn holm_runs_over_primary_metrics_and_policies() {
    let zero = [0.0; 10];
    let mut all = full("base", "p1", &zero);
    for metric in ["p2", "s"] {
        all.extend(full("base", metric, &zero));
    }
    let d: Vec<f64> = SLEEP_A.iter().zip(SLEEP_B).map(|(a, b)| b - a).collect();
    for (policy, metric) in [("x", "p1"), ("x", "s"), ("y", "s")] {
        all.extend(full(policy, metric, &d));
    }
    // Weaker evidence: the same differences with four signs turned.
    let weak: Vec<f64> = d.iter().enumerate().map(|(i, v)| if i < 4 { -v } else { *v }).collect();
    for (policy, metric) in [("x", "p2"), ("y", "p1"), ("y", "p2")] {
        all.extend(full(policy, metric, &weak));
    }
    let metrics = [
        spec("p1", Better::Lower, true),
        spec("s", Better::Lower, false),
        spec("p2", Better::Lower, true),
    ];
    let policies = names(&["base", "x", "y"]);
    let out = compare(&all, &policies, "base", &metrics).expect("clean rows");
    let p = |metric: &str, policy: &str| {
        let row = out.iter().find(|r| r.metric == metric && r.policy == policy);
        row.and_then(|r| r.p_adjusted).expect("ten pairs")
    };
    let raw = 0.002_832_89;
    close(p("p1", "x"), 4.0 * raw, 1e-7);
    close(p("s", "x"), raw, 1e-8);
    close(p("s", "y"), raw, 1e-8);
    let weak_raw = paired_t(&weak, CONFIDENCE).expect("ten pairs").p;
    for (metric, policy) in [("p2", "x"), ("p1", "y"), ("p2", "y")] {
        close(p(metric, policy), (3.0 * weak_raw).min(1.0), 1e-12);
    }
}

/// The adjustment can take a verdict away: p = 0.0028 alone convinces, among twenty it does not.
#[test]
fn many_policies_need_stronger_evidence() {
    let mut all = full("base", "m", &SLEEP_A);
    let mut policies = names(&["base"]);
    for i in 0..20 {
        let policy = format!("p{i}");
        all.extend(full(&policy, "m", if i == 0 { &SLEEP_B } else { &SLEEP_A }));
        policies.push(policy);
    }
    let verdict = |primary| {
        let metrics = [spec("m", Better::Higher, primary)];
        compare(&all, &policies, "base", &metrics).expect("clean rows")[1].verdict.clone()
    };
    assert_eq!((verdict(true), verdict(false)), ("no difference".into(), "better".into()));
}

#[test]
fn what_cannot_be_compared_is_said_by_name() {
    let metrics = [spec("m", Better::Lower, true)];
    let ab = names(&["a", "b"]);
    let error = |rows: &[ReplicationRow], policies: &[String], metrics: &[MetricSpec]| {
        let told = unpaired(rows, policies, "a", metrics).map(|_| ()).map_err(|e| e.to_string());
        let error = compare(rows, policies, "a", metrics).expect_err("refused").to_string();
        assert_eq!(told, Err(error.clone()));
        error
    };
    let mut bad = full("b", "m", &[1.0, f64::NAN]);
    bad[1].labels = "quantile=\"0.95\"".into();
    insta::assert_snapshot!(error(&bad, &ab, &metrics),
        @r#"metric m{quantile="0.95"} of policy "b", replication 1, is NaN"#);
    insta::assert_snapshot!(error(&full("b", "m", &[f64::NEG_INFINITY]), &ab, &metrics),
        @r#"metric m{} of policy "b", replication 0, is -inf"#);
    assert!(error(&full("b", "m", &[1e200]), &ab, &metrics).starts_with("metric m{} of policy"));
    let twice = [full("b", "m", &[1.0]), full("b", "m", &[1.0])].concat();
    insta::assert_snapshot!(error(&twice, &ab, &metrics),
        @r#"metric m{} of policy "b", replication 0, has more than one value"#);
    insta::assert_snapshot!(error(&[], &names(&["b", "c"]), &metrics),
        @r#"the baseline "a" is not among the policies compared"#);
    insta::assert_snapshot!(error(&[], &names(&["a", "b", "b"]), &metrics),
        @r#"the policy "b" is listed twice"#);
    let doubled = [metrics[0].clone(), metrics[0].clone()];
    insta::assert_snapshot!(error(&[], &ab, &doubled), @"the metric m{} is listed twice");
}
