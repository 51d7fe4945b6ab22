//! Tests of distributions.

use proptest::prelude::*;

use super::*;
use crate::rng::{StreamKind, Streams};

/// One distribution of each family, with parameters drawn by `spread`.
fn families(a: f64, b: f64) -> Vec<Distribution> {
    vec![
        Distribution::Constant(a),
        Distribution::Uniform { lo: a, hi: a + b },
        Distribution::Exponential { mean: a },
        Distribution::Weibull { shape: b, scale: a },
        Distribution::LogNormal { median: a, sigma: b },
        Distribution::Pareto { scale: a, shape: b },
        Distribution::Empirical(
            Empirical::from_points(vec![
                (0.0, a),
                (0.5, a + b),
                (0.9, a + 3.0 * b),
                (1.0, 9.0 * (a + b)),
            ])
            .expect("rising points"),
        ),
    ]
}

#[test]
fn value_stability() {
    let mut table = String::new();
    for distribution in families(2.0, 1.5) {
        let mut stream = Streams::new(1, 0).stream(StreamKind::ContainerStartup, 0);
        let draws: Vec<String> = (0..10)
            .map(|_| distribution.sample_duration(&mut stream).as_nanos().to_string())
            .collect();
        table += &format!("{}\n", draws.join(" "));
    }
    insta::assert_snapshot!(table, @r"
    2000000000 2000000000 2000000000 2000000000 2000000000 2000000000 2000000000 2000000000 2000000000 2000000000
    3435168200 3408608817 2704416788 3418509117 2425546774 3259881051 3264942742 2886295540 2443717521 2253693780
    6282848323 5596142761 1268289882 5825458488 667306405 3664171934 3706782506 1787413820 701418918 370561911
    4289905401 3971328891 1476235632 4079091116 962114724 2994520067 3017690773 1855638636 994630216 650005728
    26176250334 20362582611 1783854173 22188018995 848156937 8884828960 9072856200 2822994204 894419473 475555809
    16239230567 12916791102 3052345997 13942847831 2498230419 6783802770 6880844208 3628980618 2526799511 2262946709
    20694699977 16268136181 3408833575 17918186245 2851093547 6049405257 6074713712 4181477699 2887435041 2507387560
    ");
}

#[test]
#[expect(clippy::cast_precision_loss, reason = "a small count")]
fn means_are_the_averages_of_the_quantiles() {
    const STEPS: usize = 200_000;
    let mut checked = families(2.0, 2.5);
    checked[4] = Distribution::LogNormal { median: 2.0, sigma: 0.8 };
    for distribution in checked {
        let sum: math::NeumaierSum =
            (0..STEPS).map(|k| distribution.quantile((k as f64 + 0.5) / STEPS as f64)).collect();
        let (average, mean) = (sum.total() / STEPS as f64, distribution.mean());
        // The midpoint rule misses part of a heavy tail.
        assert!((average / mean - 1.0).abs() < 2e-3, "{distribution:?}: {average} and {mean}");
    }
    assert!(Distribution::Pareto { scale: 1.0, shape: 1.0 }.mean().is_infinite());
}

#[test]
fn medians_and_tails_are_where_the_parameters_say() {
    let close = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-12;
    let pull = Distribution::log_normal_from_p99(4.0, 60.0).expect("valid percentiles");
    assert!(close(pull.quantile(0.5), 4.0) && close(pull.quantile(0.99), 60.0));
    let exponential = Distribution::Exponential { mean: 3.0 };
    assert!(close(exponential.quantile(0.5), 3.0 * std::f64::consts::LN_2));
    let weibull = Distribution::Weibull { shape: 2.0, scale: 5.0 };
    assert!(close(weibull.quantile(1.0 - math::exp(-1.0)), 5.0));
    let pareto = Distribution::Pareto { scale: 2.0, shape: 2.0 };
    assert!(close(pareto.quantile(0.75), 4.0));
    let samples = Empirical::from_samples(vec![8.0, 1.0, 4.0, 2.0]).map(Distribution::Empirical);
    assert!(close(samples.expect("finite samples").quantile(0.25), 1.75));
    let single = Empirical::from_samples(vec![7.0]).map(Distribution::Empirical);
    assert!(close(single.expect("one sample").quantile(0.4), 7.0));
}

#[test]
fn bad_parameters_are_refused() {
    let table = [
        (Distribution::Constant(-1.0), "`value` must be zero or more, not -1"),
        (Distribution::Exponential { mean: 0.0 }, "`mean` must be greater than zero, not 0"),
        (Distribution::Uniform { lo: 3.0, hi: 2.0 }, "`hi` (2) must not be less than `lo` (3)"),
        (
            Distribution::Weibull { shape: f64::NAN, scale: 1.0 },
            "`shape` must be greater than zero, not NaN",
        ),
        (
            Distribution::LogNormal { median: 1.0, sigma: -0.5 },
            "`sigma` must be zero or more, not -0.5",
        ),
        (
            Distribution::Pareto { scale: f64::INFINITY, shape: 1.0 },
            "`scale` must be greater than zero, not inf",
        ),
    ];
    for (distribution, message) in table {
        assert_eq!(distribution.check().expect_err(message).to_string(), message);
    }
    assert!(Distribution::log_normal_from_p99(5.0, 4.0).is_err());
    for points in [vec![], vec![(0.0, 1.0)], vec![(0.0, 1.0), (0.9, 2.0)]] {
        assert_eq!(Empirical::from_points(points), Err(DistributionError::PointsEnds));
    }
    for points in [vec![(0.0, 2.0), (1.0, 1.0)], vec![(0.0, 1.0), (1.0, f64::INFINITY)]] {
        assert_eq!(Empirical::from_points(points), Err(DistributionError::PointsOrder));
    }
    assert!(
        Empirical::from_samples(vec![]).is_err()
            && Empirical::from_samples(vec![f64::NAN]).is_err()
    );
}

#[test]
fn endless_durations_are_capped() {
    let mut stream = Streams::new(1, 0).stream(StreamKind::Arrival, 0);
    let far = Distribution::Constant(1e30);
    assert_eq!(far.sample_duration(&mut stream), SimDuration::MAX);
}

proptest! {
    #[test]
    fn quantiles_rise_and_are_never_negative(
        a in 1e-3..1e3f64, b in 0.2..8.0f64, u in 0.0..1.0f64, v in 0.0..1.0f64, step in 1..1000u32,
    ) {
        let (low, high) = (u.min(v).max(1e-16), u.max(v).max(1e-16));
        let near = (low + f64::from(step) * f64::EPSILON).min(1.0 - f64::EPSILON);
        for distribution in families(a, b) {
            prop_assert_eq!(distribution.check(), Ok(()));
            let value = distribution.quantile(low);
            prop_assert!(value >= 0.0 && value <= distribution.quantile(high), "{distribution:?}");
            // Neighbouring probabilities may differ by the last bits of the functions.
            if near > low {
                let slack = 1.0 + 1e-12;
                prop_assert!(value <= distribution.quantile(near) * slack, "{distribution:?}");
            }
        }
    }
}
