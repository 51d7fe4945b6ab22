//! What stages the pods of a run went through, and the rows of `stages.csv`.

use super::pods::{PodTrack, Stage};
use super::replay::Replay;
use crate::base::time::SimTime;
use crate::model::PodId;
use crate::tables::StageRow;

/// The stages of every pod, in order of time.
#[derive(Debug, Default)]
pub(super) struct StageSet {
    pods: Vec<Vec<(SimTime, Option<Stage>)>>,
}

impl StageSet {
    /// A pod is at this stage from now on. Of several changes of one instant the last counts.
    pub(super) fn set(&mut self, now: SimTime, pod: PodId, stage: Option<Stage>) {
        if self.pods.len() <= pod.index() {
            self.pods.resize(pod.index() + 1, Vec::new());
        }
        let turns = &mut self.pods[pod.index()];
        if turns.last().is_some_and(|&(time, _)| time == now) {
            turns.pop();
        }
        if turns.last().map(|&(_, stage)| stage) != Some(stage) {
            turns.push((now, stage));
        }
    }

    /// When a pod first stopped being ready and serving.
    fn disturbed(&self, pod: usize) -> Option<SimTime> {
        let turns = self.pods.get(pod)?;
        let stopped = turns.windows(2).find(|pair| pair[0].1 == Some(Stage::Ready))?;
        Some(stopped[1].0)
    }
}

/// Rows of `stages.csv`, sorted by workload, pod and time.
///
/// # Panics
/// If the replay kept no stages.
pub(super) fn stage_rows(replay: &Replay<'_>) -> Vec<StageRow> {
    let stages = replay.stages.as_ref().expect("a replay in full detail keeps stages");
    let mut first = vec![None; replay.workloads.len()];
    for (at, track) in replay.pods.iter().enumerate() {
        let Some(track) = track else { continue };
        let earliest: &mut Option<SimTime> = &mut first[track.workload.index()];
        *earliest = match (*earliest, stages.disturbed(at)) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
    let mut shown: Vec<(String, String, usize, &PodTrack)> = Vec::new();
    for (at, track) in replay.pods.iter().enumerate() {
        let Some(track) = track else { continue };
        let Some(since) = first[track.workload.index()] else { continue };
        if stages.pods[at].iter().any(|&(time, _)| time >= since) {
            let name = replay.model.pod_name(&track.identity);
            shown.push((replay.model.workload_name(track.workload), name, at, track));
        }
    }
    shown.sort_by(|a, b| (&a.0, &a.1, a.2).cmp(&(&b.0, &b.1, b.2)));
    let mut rows = Vec::new();
    for (workload, pod, at, track) in shown {
        let turns = &stages.pods[at];
        for (index, &(time, stage)) in turns.iter().enumerate() {
            let Some(stage) = stage else { continue };
            let node = track.bound.filter(|&(bound, _)| bound <= time);
            rows.push(StageRow {
                workload: workload.clone(),
                pod: pod.clone(),
                node: node.map_or_else(String::new, |(_, id)| replay.model.nodes[id].name.clone()),
                stage: stage.name().to_owned(),
                start_seconds: time.as_secs_f64(),
                end_seconds: turns.get(index + 1).map(|&(end, _)| end.as_secs_f64()),
            });
        }
    }
    rows
}
