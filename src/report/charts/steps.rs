//! A run's time series as step functions, checked and ready to be put on pixels.

use std::collections::BTreeMap;

use super::axis::Axis;
use super::{Caption, RunTables};
use crate::report::ReportError;
use crate::report::format::parse_labels;
use crate::tables::{FaultRow, NodeRow, PodRow, RecoveryRow, SeriesRow, StageRow};

/// One step function: from each point's time on, its value holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Series {
    pub(super) labels: Vec<(String, String)>,
    /// (seconds, value), times ascending.
    pub(super) points: Vec<(f64, f64)>,
}

impl Series {
    /// The value of a label, empty if absent.
    pub(super) fn label(&self, key: &str) -> &str {
        self.labels.iter().find(|(k, _)| k == key).map_or("", |(_, value)| value)
    }

    /// The value that holds at `time` (the last of equal times), 0 before the first point.
    pub(super) fn at(&self, time: f64) -> f64 {
        let after = self.points.partition_point(|point| point.0 <= time);
        if after == 0 { 0.0 } else { self.points[after - 1].1 }
    }

    /// The largest value.
    pub(super) fn max(&self) -> f64 {
        self.points.iter().map(|point| point.1).fold(0.0, f64::max)
    }

    /// The corners of the step line on pixels, up to the end of the time axis. Changes closer than
    /// half a pixel are merged to the lowest, the highest and the last of them.
    pub(super) fn corners(&self, x: &Axis, y: &Axis) -> Vec<(f64, f64)> {
        let mut corners: Vec<(f64, f64)> = Vec::new();
        let mut column: Vec<f64> = Vec::new();
        let mut column_x = f64::NEG_INFINITY;
        let flush = |corners: &mut Vec<(f64, f64)>, px: f64, values: &[f64]| {
            let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
            let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let last = values[values.len() - 1];
            if let Some(before) = corners.last().copied() {
                corners.push((px, before.1));
            }
            for value in [lowest, highest, last] {
                corners.push((px, y.at(value)));
            }
        };
        for (time, value) in self.points.iter().filter(|point| point.0 <= x.domain().1) {
            let px = (x.at(*time) * 2.0).round() / 2.0;
            if px > column_x && !column.is_empty() {
                flush(&mut corners, column_x, &column);
                column.clear();
            }
            column_x = px;
            column.push(*value);
        }
        if !column.is_empty() {
            flush(&mut corners, column_x, &column);
        }
        if let Some(last) = corners.last().copied() {
            corners.push((x.at(x.domain().1), last.1));
        }
        corners.dedup();
        corners
    }
}

/// Everything a run's charts need, every number finite.
#[derive(Debug)]
pub(super) struct RunView<'a> {
    series: BTreeMap<&'a str, Vec<Series>>,
    pub(super) pods: &'a [PodRow],
    pub(super) nodes: &'a [NodeRow],
    pub(super) faults: &'a [FaultRow],
    pub(super) recovery: &'a [RecoveryRow],
    pub(super) stages: &'a [StageRow],
    pub(super) subtitle: &'a str,
    /// End of the time axis, seconds; at least the last time of any row.
    pub(super) end: f64,
}

impl<'a> RunView<'a> {
    /// Groups the series and refuses what is not finite.
    ///
    /// # Errors
    /// [`ReportError::NotFinite`] naming the row.
    pub(super) fn new(tables: &RunTables<'a>, caption: &'a Caption) -> Result<Self, ReportError> {
        let mut series: BTreeMap<&'a str, Vec<Series>> = BTreeMap::new();
        let mut current: Option<&'a SeriesRow> = None;
        let mut end: f64 = 0.0;
        for row in tables.series {
            finite(row.time_seconds, || format!("time_seconds of {}", row.metric))?;
            finite(row.value, || format!("{}{{{}}}", row.metric, row.labels))?;
            end = end.max(row.time_seconds);
            let group = series.entry(row.metric.as_str()).or_default();
            if current.is_none_or(|c| c.metric != row.metric || c.labels != row.labels) {
                group.push(Series { labels: parse_labels(&row.labels), points: Vec::new() });
            }
            current = Some(row);
            let last = group.last_mut().expect("a series was just pushed");
            last.points.push((row.time_seconds, row.value));
        }
        for pod in tables.pods {
            let times = [Some(pod.created_seconds), pod.scheduled_seconds, pod.ready_seconds];
            for time in times.into_iter().flatten() {
                finite(time, || format!("a time of pod {}", pod.name))?;
                end = end.max(time);
            }
        }
        for fault in tables.faults {
            for time in [Some(fault.start_seconds), fault.end_seconds].into_iter().flatten() {
                finite(time, || format!("a time of fault {}", fault.fault))?;
            }
            end = end.max(fault.start_seconds);
        }
        check_recovery(tables.recovery)?;
        for row in tables.stages {
            for time in [Some(row.start_seconds), row.end_seconds].into_iter().flatten() {
                finite(time, || format!("a stage of pod {}", row.pod))?;
            }
        }
        let end = match caption.end_seconds {
            Some(known) => {
                finite(known, || "the end of the run".to_owned())?;
                known.max(end)
            }
            None => end,
        };
        Ok(RunView {
            series,
            pods: tables.pods,
            nodes: tables.nodes,
            faults: tables.faults,
            recovery: tables.recovery,
            stages: tables.stages,
            subtitle: &caption.subtitle,
            end,
        })
    }

    /// All series of a name, in table order.
    pub(super) fn series(&self, metric: &str) -> &[Series] {
        self.series.get(metric).map_or(&[], Vec::as_slice)
    }
}

fn check_recovery(rows: &[RecoveryRow]) -> Result<(), ReportError> {
    for row in rows {
        let times = [
            row.detect_seconds,
            row.reschedule_seconds,
            row.start_seconds,
            row.ready_seconds,
            row.time_to_whole_seconds,
        ];
        for time in times.into_iter().flatten() {
            finite(time, || format!("a recovery time of {}", row.workload))?;
        }
    }
    Ok(())
}

/// Refuses NaN and the infinities.
pub(super) fn finite(value: f64, what: impl FnOnce() -> String) -> Result<(), ReportError> {
    if value.is_finite() {
        return Ok(());
    }
    Err(ReportError::NotFinite { chart: "the charts", what: what(), value })
}
