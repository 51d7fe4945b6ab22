//! How each workload came through each fault.
//!
//! **Affected.** A fault affects a workload when one of its pods stops serving in truth, or is no
//! longer ready at the API server, while the fault lasts (and up to 30 s after it) or before the
//! workload is whole again; and when the fault can have done it: the pod stood on a node that a
//! fault of nodes struck, it is of a template that a `containerFault` struck, or it
//! was preempted while struck nodes were down. A control-plane crash costs no replica by itself
//! but prolongs other losses: whatever is lost while it lasts counts, its clock starting with the
//! first loss. Scale-downs, rollouts and `kubectl delete` are not losses.
//!
//! **Struck before it was ever whole.** A workload that has not been whole for any time yet has
//! little to lose, and is affected nevertheless, from the fault on: by a loss of nodes if a pod of
//! it stands on one of them or waits to be placed, by a `containerFault` if a pod is of such a
//! template, by a control-plane crash in any case. The control plane is at work on it already:
//! *detect* is 0, and *reschedule* ends with the last binding of any pod.
//!
//! **Whole.** At least the desired number of pods are ready at the API server *and* serve in
//! truth, continuously for 30 s, which are not counted. The API server alone would call a
//! workload whole while nobody has noticed the loss. A workload with replicas to spare may stay
//! whole throughout: it recovered in 0 s.
//!
//! **Parts.** *Detect* ends when the control plane first acts on a lost pod: not ready at the API
//! server, container restarted, deleted. *Reschedule* ends with the last binding of a pod that was
//! created since the fault while the workload was not whole, and is 0 where pods restarted in
//! place. *Start* ends with the last time that all app containers of such a pod, or of a lost one,
//! had come to run. *Ready* is the rest. A loss that heals before anyone acts has no parts.
//!
//! **Censored.** Not whole by the end of the run: times run to the end, as lower bounds; the
//! parts that had not begun are empty.
//!
//! Occurrences of a fault are separate, overlapping faults each have their own account.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::id::{IdSet, IdVec};
use crate::base::time::{SimDuration, SimTime};
use crate::model::{FaultId, FaultKind, Model, NodeId, PodId, Sphere, TemplateId, WorkloadId};

/// How long a workload must stay whole before it counts as recovered.
const HOLD: SimDuration = SimDuration::from_secs(30);

/// One occurrence of a fault; its position is its ordinal, in order of begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Occurrence {
    /// The scenario's fault.
    pub(super) fault: FaultId,
    number: u32,
    /// Begin.
    pub(super) began: SimTime,
    /// End, absent if the run ended before.
    pub(super) ended: Option<SimTime>,
}

/// What a pod lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LossKind {
    /// It no longer serves in truth, and was ready at the API server.
    ReadyServing,
    /// It no longer serves in truth, and was not ready.
    UnreadyServing,
    /// It is no longer ready at the API server.
    Readiness,
    /// It is preempted.
    Preempted,
}

/// A pod lost something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loss {
    /// When.
    pub(super) time: SimTime,
    /// Pod.
    pub(super) pod: PodId,
    /// Its workload.
    pub(super) workload: WorkloadId,
    /// Its template.
    pub(super) template: TemplateId,
    /// Its node.
    pub(super) node: Option<NodeId>,
    /// What.
    pub(super) kind: LossKind,
}

/// One affected workload and fault, while it is followed.
#[derive(Debug)]
struct Account {
    occurrence: u32,
    workload: WorkloadId,
    start: SimTime,
    last_loss: SimTime,
    /// The workload had never been whole when the fault began.
    unready: bool,
    lost: BTreeSet<PodId>,
    replicas_lost: BTreeSet<PodId>,
    detected: Option<SimTime>,
    last_bound: Option<SimTime>,
    last_running: Option<SimTime>,
    whole: Option<SimTime>,
}

/// How one workload came through one fault. Times count from the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Recovered {
    /// Ordinal of the occurrence.
    pub(super) occurrence: u32,
    /// Workload.
    pub(super) workload: WorkloadId,
    /// Ready pods that stopped serving in truth.
    pub(super) replicas_lost: u32,
    /// Fault to first reaction.
    pub(super) detect: Option<SimDuration>,
    /// Then to the last binding.
    pub(super) reschedule: Option<SimDuration>,
    /// Then until the containers of the last pod ran.
    pub(super) start: Option<SimDuration>,
    /// Then until whole.
    pub(super) ready: Option<SimDuration>,
    /// Fault until whole, or to the end of the run.
    pub(super) time_to_whole: SimDuration,
    /// Not whole by the end of the run.
    pub(super) censored: bool,
}

/// How far the desired pods of a workload have come at the end of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Not all are bound.
    Unplaced,
    /// All are bound, not all app containers run.
    Placed,
    /// All run.
    Running,
}

/// Follows all faults and the workloads they affect.
#[derive(Debug)]
pub(super) struct Recovery<'m> {
    model: &'m Model,
    /// Nodes that a fault strikes; empty for faults that strike no nodes.
    struck: IdVec<FaultId, IdSet<NodeId>>,
    /// All occurrences so far.
    pub(super) occurrences: Vec<Occurrence>,
    /// Ordinals whose losses may begin an account.
    current: Vec<u32>,
    accounts: Vec<Account>,
    index: BTreeMap<(u32, WorkloadId), usize>,
    open: IdVec<WorkloadId, Vec<usize>>,
}

impl<'m> Recovery<'m> {
    /// Nothing has happened yet.
    pub(super) fn new(model: &'m Model) -> Self {
        let struck = model.faults.values().map(|fault| struck_nodes(model, &fault.kind)).collect();
        Self {
            model,
            struck: IdVec::from_rows(struck),
            occurrences: Vec::new(),
            current: Vec::new(),
            accounts: Vec::new(),
            index: BTreeMap::new(),
            open: IdVec::from_rows(vec![Vec::new(); model.workloads.len()]),
        }
    }

    /// A fault that strikes some nodes of its domain strikes this one.
    pub(super) fn strike(&mut self, fault: FaultId, node: NodeId) {
        self.struck[fault].insert(node);
    }

    /// A fault begins.
    pub(super) fn begin(&mut self, now: SimTime, fault: FaultId, number: u32) -> u32 {
        if strikes_some(&self.model.faults[fault].kind) {
            self.struck[fault] = IdSet::with_capacity(self.model.nodes.len());
        }
        let ordinal = u32::try_from(self.occurrences.len()).expect("faults of a run fit in 32 bit");
        self.occurrences.push(Occurrence { fault, number, began: now, ended: None });
        self.current.push(ordinal);
        ordinal
    }

    /// Whether a fault keeps a pod that does not serve yet from doing so.
    pub(super) fn reaches(&self, ordinal: u32, template: TemplateId, node: Option<NodeId>) -> bool {
        let fault = self.occurrences[ordinal as usize].fault;
        let kind = &self.model.faults[fault].kind;
        match kind.sphere() {
            Sphere::Nodes => node.is_none_or(|node| self.struck[fault].contains(node)),
            Sphere::Containers => kind.templates().contains(&template),
            Sphere::ControlPlane => true,
        }
    }

    /// Whether a fault keeps every workload that is not whole from becoming so, pods or none.
    pub(super) fn reaches_all(&self, ordinal: u32) -> bool {
        let fault = self.occurrences[ordinal as usize].fault;
        self.model.faults[fault].kind.sphere() == Sphere::ControlPlane
    }

    /// A fault strikes a workload that was never whole.
    pub(super) fn find_unready(&mut self, now: SimTime, ordinal: u32, workload: WorkloadId) {
        let at = self.open_account(ordinal, workload, now);
        let account = &mut self.accounts[at];
        account.unready = true;
        account.detected = Some(now);
    }

    /// A fault ends.
    pub(super) fn end(&mut self, now: SimTime, fault: FaultId, number: u32) {
        let mut matching = self.occurrences.iter_mut().rev();
        if let Some(found) = matching.find(|o| o.fault == fault && o.number == number) {
            found.ended = Some(now);
        }
    }

    /// A pod lost something: on whose account?
    pub(super) fn lose(&mut self, loss: Loss) {
        let occurrences = &self.occurrences;
        self.current.retain(|&ordinal| {
            let ended = occurrences[ordinal as usize].ended;
            ended.is_none_or(|end| loss.time <= end.saturating_add(HOLD))
        });
        let open = self.open[loss.workload].iter().map(|&at| &self.accounts[at]);
        let known = open.clone().filter(|account| account.lost.contains(&loss.pod));
        let mut ordinals: Vec<u32> = known.map(|account| account.occurrence).collect();
        // The API server learning of a loss is no new loss, and none of another fault's doing.
        if loss.kind != LossKind::Readiness || ordinals.is_empty() {
            ordinals.extend(open.map(|account| account.occurrence));
            ordinals.extend_from_slice(&self.current);
        }
        ordinals.sort_unstable();
        ordinals.dedup();
        for ordinal in ordinals {
            if self.can_have_done(ordinal, &loss) {
                self.charge(ordinal, &loss);
            }
        }
    }

    fn can_have_done(&self, ordinal: u32, loss: &Loss) -> bool {
        let fault = self.occurrences[ordinal as usize].fault;
        let kind = &self.model.faults[fault].kind;
        match kind.sphere() {
            Sphere::Nodes => {
                loss.kind == LossKind::Preempted
                    || loss.node.is_some_and(|node| self.struck[fault].contains(node))
            }
            Sphere::Containers => kind.templates().contains(&loss.template),
            Sphere::ControlPlane => true,
        }
    }

    fn charge(&mut self, ordinal: u32, loss: &Loss) {
        let at = match self.index.get(&(ordinal, loss.workload)) {
            Some(&at) => at,
            None => self.open_account(ordinal, loss.workload, loss.time),
        };
        let account = &mut self.accounts[at];
        if account.whole.is_some() {
            return;
        }
        account.last_loss = loss.time;
        account.lost.insert(loss.pod);
        if loss.kind == LossKind::ReadyServing {
            account.replicas_lost.insert(loss.pod);
        }
    }

    fn open_account(&mut self, ordinal: u32, workload: WorkloadId, first: SimTime) -> usize {
        let occurrence = self.occurrences[ordinal as usize];
        let start = match self.model.faults[occurrence.fault].kind.sphere() {
            Sphere::Nodes | Sphere::Containers => occurrence.began,
            Sphere::ControlPlane => first,
        };
        let at = self.accounts.len();
        self.accounts.push(Account {
            occurrence: ordinal,
            workload,
            start,
            last_loss: first,
            unready: false,
            lost: BTreeSet::new(),
            replicas_lost: BTreeSet::new(),
            detected: None,
            last_bound: None,
            last_running: None,
            whole: None,
        });
        self.index.insert((ordinal, workload), at);
        self.open[workload].push(at);
        at
    }

    /// The control plane acts on a pod.
    pub(super) fn acted(&mut self, now: SimTime, workload: WorkloadId, pod: PodId) {
        for &at in &self.open[workload] {
            let account = &mut self.accounts[at];
            if account.detected.is_none() && account.lost.contains(&pod) {
                account.detected = Some(now);
            }
        }
    }

    /// A pod that was created at `created` is bound, in a workload that is not whole.
    pub(super) fn bound(&mut self, now: SimTime, workload: WorkloadId, created: SimTime) {
        for &at in &self.open[workload] {
            let account = &mut self.accounts[at];
            if created >= account.start || account.unready {
                account.last_bound = Some(now);
            }
        }
    }

    /// All app containers of a pod that was created at `created` run, in a workload that is not
    /// whole.
    pub(super) fn running(
        &mut self,
        now: SimTime,
        workload: WorkloadId,
        pod: PodId,
        created: SimTime,
    ) {
        for &at in &self.open[workload] {
            let account = &mut self.accounts[at];
            if created >= account.start || account.unready || account.lost.contains(&pod) {
                account.last_running = Some(now);
            }
        }
    }

    /// A workload is whole since `since`: closes the accounts for which that is long enough.
    pub(super) fn whole(&mut self, now: SimTime, workload: WorkloadId, since: SimTime) {
        let accounts = &mut self.accounts;
        self.open[workload].retain(|&at| {
            let account = &mut accounts[at];
            let held_from = since.max(account.last_loss);
            if now.saturating_since(held_from) < HOLD {
                return true;
            }
            account.whole = Some(since.max(account.start));
            false
        });
    }

    /// All accounts, by occurrence and workload. `progress(workload)` tells how far the desired
    /// pods have come at the end of the run.
    pub(super) fn finish(
        &self,
        end: SimTime,
        progress: impl Fn(WorkloadId) -> Progress,
    ) -> Vec<Recovered> {
        self.index
            .values()
            .map(|&at| &self.accounts[at])
            .map(|a| a.result(end, progress(a.workload)))
            .collect()
    }
}

impl Account {
    fn result(&self, end: SimTime, progress: Progress) -> Recovered {
        let until = self.whole.unwrap_or(end);
        let censored = self.whole.is_none();
        let detected = self.detected.filter(|&time| time <= until);
        let (mut detect, mut reschedule, mut start, mut ready) = (None, None, None, None);
        if let Some(detected) = detected {
            let bound = self.last_bound.map_or(detected, |time| time.clamp(detected, until));
            detect = Some(detected.saturating_since(self.start));
            let running = self.last_running.map_or(bound, |time| time.clamp(bound, until));
            match progress {
                Progress::Unplaced if censored => {
                    reschedule = Some(end.saturating_since(detected));
                }
                Progress::Placed if censored => {
                    reschedule = Some(bound.saturating_since(detected));
                    start = Some(end.saturating_since(bound));
                }
                Progress::Unplaced | Progress::Placed | Progress::Running => {
                    reschedule = Some(bound.saturating_since(detected));
                    start = Some(running.saturating_since(bound));
                    ready = Some(until.saturating_since(running));
                }
            }
        } else if censored {
            detect = Some(end.saturating_since(self.start));
        }
        Recovered {
            occurrence: self.occurrence,
            workload: self.workload,
            replicas_lost: u32::try_from(self.replicas_lost.len()).expect("pod ids fit in 32 bit"),
            detect,
            reschedule,
            start,
            ready,
            time_to_whole: until.saturating_since(self.start),
            censored,
        }
    }
}

/// Whether which nodes a fault strikes is only known when it does.
fn strikes_some(kind: &FaultKind) -> bool {
    let FaultKind::NodeFailures(failures) = kind else {
        return matches!(kind, FaultKind::FailureTrace(_));
    };
    failures.burst.is_some()
}

fn struck_nodes(model: &Model, kind: &FaultKind) -> IdSet<NodeId> {
    let mut struck = IdSet::with_capacity(model.nodes.len());
    if strikes_some(kind) {
        return struck;
    }
    for id in kind.nodes(model) {
        struck.insert(id);
    }
    struck
}

/// What a fault struck, as tables name it: without the word for people before a zone or node.
pub(super) fn target_name(model: &Model, fault: FaultId) -> &str {
    let fault = &model.faults[fault];
    match (&fault.kind, fault.kind.sphere()) {
        (FaultKind::ZoneOutage { zone }, _) => &model.zones[*zone].name,
        (FaultKind::NodeFailures(_) | FaultKind::FailureTrace(_), _) => &fault.target,
        (kind, Sphere::Nodes) => match kind.nodes(model).as_slice() {
            [one] => &model.nodes[*one].name,
            _ => fault.target.trim_start_matches("nodes "),
        },
        (_, Sphere::Containers | Sphere::ControlPlane) => &fault.target,
    }
}

/// The value of the label `fault`: `zoneOutage/a`. The failures of all domains of one kind share
/// theirs, `nodeFailures/zone`, and so do all nodes of a trace, `failureTrace/NAME`.
pub(super) fn fault_label(model: &Model, fault: FaultId) -> String {
    let kind = model.faults[fault].kind.name();
    if let FaultKind::NodeFailures(failures) = &model.faults[fault].kind {
        return format!("{kind}/{}", failures.domain);
    }
    if let FaultKind::FailureTrace(trace) = &model.faults[fault].kind {
        return format!("{kind}/{}", trace.name);
    }
    match target_name(model, fault) {
        "" => kind.to_owned(),
        target => format!("{kind}/{target}"),
    }
}
