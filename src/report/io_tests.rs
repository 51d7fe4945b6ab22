//! Tables survive the way to disk and back, and say where they do not.

use super::*;

fn series(value: f64) -> SeriesRow {
    SeriesRow {
        metric: "pods".into(),
        labels: "state=\"ready\"".into(),
        time_seconds: 3600.25,
        value,
    }
}

#[test]
fn floats_are_short_exact_and_without_exponent() {
    for (value, text) in [
        (0.1, "0.1"),
        (12.0, "12"),
        (3600.25, "3600.25"),
        (-0.0, "0"),
        (1e-9, "0.000000001"),
        (1e17, "100000000000000000"),
        (0.1 + 0.2, "0.30000000000000004"),
    ] {
        let mut cell = String::new();
        value.print(&mut cell);
        assert_eq!(cell, text);
        assert_eq!(<f64 as Cell>::parse(&cell).unwrap().to_bits(), (value + 0.0).to_bits());
    }
}

#[test]
fn a_table_reads_back_as_written() {
    let dir = tempfile::tempdir().unwrap();
    let out = OutputDir::create(&dir.path().join("a/b"), &["charts/x.svg"]).unwrap();
    assert!(out.path().join("charts/x.svg").exists());
    let events = vec![EventRow {
        time_seconds: 0.5,
        kind: "Warning".into(),
        reason: "FailedScheduling".into(),
        object_kind: "Pod".into(),
        namespace: "shop".into(),
        name: "cart-1".into(),
        component: "default-scheduler".into(),
        message: "0/3 nodes: \"no\", said\nthe plugin".into(),
    }];
    out.write_table(&events).unwrap();
    assert_eq!(read_table::<EventRow>(out.path()).unwrap(), events);
    let recovery = vec![RecoveryRow {
        fault: 0,
        workload: "shop/cart".into(),
        replicas_lost: 2,
        detect_seconds: Some(40.0),
        reschedule_seconds: None,
        start_seconds: None,
        ready_seconds: None,
        time_to_whole_seconds: None,
        censored: true,
    }];
    out.write_table(&recovery).unwrap();
    assert_eq!(read_table::<RecoveryRow>(out.path()).unwrap(), recovery);
    let text = fs::read_to_string(out.path().join("recovery.csv")).unwrap();
    assert!(text.ends_with("0,shop/cart,2,40,,,,,true\n"), "{text}");
}

#[test]
fn an_empty_table_has_its_header() {
    let dir = tempfile::tempdir().unwrap();
    OutputDir::create(dir.path(), &[]).unwrap().write_table::<SeriesRow>(&[]).unwrap();
    let text = fs::read_to_string(dir.path().join("timeseries.csv")).unwrap();
    assert_eq!(text, "metric,labels,time_seconds,value\n");
    assert!(read_table::<SeriesRow>(dir.path()).unwrap().is_empty());
}

#[test]
fn errors_name_file_line_and_column() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("timeseries.csv");
    let cases = [
        ("", "timeseries.csv:1: expected the header `metric,labels,time_seconds,value`"),
        ("metric,label\n", "timeseries.csv:1: expected column 2 to be `labels`, found `label`"),
        (
            "metric,labels,time_seconds,value\npods,,1,2\npods,,soon,2\n",
            "timeseries.csv:3: column `time_seconds`: expected a number, found `soon`",
        ),
        (
            "metric,labels,time_seconds,value\npods,,1\n",
            "timeseries.csv:2: expected 4 columns, found 3",
        ),
    ];
    for (text, expected) in cases {
        fs::write(&file, text).unwrap();
        let error = read_table::<SeriesRow>(dir.path()).unwrap_err().to_string();
        assert!(error.ends_with(expected), "{error}");
    }
    let missing = read_table::<PodRow>(dir.path()).unwrap_err().to_string();
    assert!(missing.starts_with("cannot open ") && missing.contains("pods.csv"), "{missing}");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("taken"), "").unwrap();
    let error = OutputDir::create(&dir.path().join("taken/x"), &[]).unwrap_err().to_string();
    assert!(error.starts_with("cannot create the folder ") && error.contains("taken"), "{error}");
}

proptest::proptest! {
    #[test]
    fn any_series_row_round_trips(value in proptest::num::f64::NORMAL, label in "\\PC*") {
        let dir = tempfile::tempdir().unwrap();
        let row = SeriesRow { labels: label, ..series(value) };
        OutputDir::create(dir.path(), &[]).unwrap().write_table([&row]).unwrap();
        proptest::prop_assert_eq!(read_table::<SeriesRow>(dir.path()).unwrap(), vec![row]);
    }
}
