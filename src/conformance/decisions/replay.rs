//! One case on the way: the snapshot, the framework, and what they decide.

use serde_json::{Map, Value, json};

use super::fields::Shape;
use super::input::Input;
use super::told;
use crate::base::map::LookupMap;
use crate::model::{Claim, NodeId, PodId, Profile, TemplateId};
use crate::scheduling::{Framework, Provisioned, Query, Snapshot, TieBreak};

/// Nodes of one zone reach the same new volumes.
const ZONE_LABEL: &str = "topology.kubernetes.io/zone";

/// A case being replayed.
pub(super) struct Replay {
    input: Input,
    snapshot: Snapshot,
    framework: Framework,
    pods: LookupMap<String, PodId>,
    next_pod: usize,
    /// Where the next search in the node list starts.
    start: usize,
}

impl Replay {
    pub(super) fn new(mut input: Input) -> Result<Self, String> {
        let [profile] = &input.model.scheduler.profiles[..] else {
            return Err("the configuration of a case has exactly one profile".to_owned());
        };
        let bound = std::mem::take(&mut input.bound);
        let mut replay = Self {
            snapshot: Snapshot::of_declared(&input.model),
            framework: Framework::new(&input.model, profile),
            input,
            pods: LookupMap::new(),
            next_pod: 0,
            start: 0,
        };
        for pod in bound {
            let id = replay.bind(pod.name, pod.node, pod.template);
            if pod.terminating {
                replay.snapshot.mark_terminating(id);
            }
        }
        Ok(replay)
    }

    pub(super) fn shape(&self) -> Shape {
        Shape { sampling: self.input.sampling }
    }

    fn profile(&self) -> &Profile {
        &self.input.model.scheduler.profiles[0]
    }

    fn bind(&mut self, name: String, node: NodeId, template: TemplateId) -> PodId {
        let pod = PodId::from_index(self.next_pod);
        self.next_pod += 1;
        self.snapshot.add_pod(&self.input.model, node, pod, template);
        self.pods.insert(name, pod);
        pod
    }

    /// What is said of the case as a whole.
    pub(super) fn of_case(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        let profile = self.profile();
        let weights = profile.score.iter().map(|e| (e.plugin.clone(), e.weight.into()));
        fields.insert("weights".to_owned(), Value::Object(weights.collect()));
        if self.input.configured {
            fields.insert("plugins".to_owned(), told::plugins(profile));
        }
        if self.input.sampling {
            let order = told::nodes(self.snapshot.node_list());
            fields.insert("nodeOrder".to_owned(), order);
        }
        fields
    }

    /// Decides on an incoming pod, in the shape of a recorded decision.
    pub(super) fn decide(&mut self, at: usize) -> Result<Value, String> {
        let Some((name, template)) = self.input.incoming.get(at) else {
            return Err(format!("decision {at} is of no incoming pod"));
        };
        let (model, template) = (&self.input.model, *template);
        let mut told = Map::new();
        told.insert("i".to_owned(), at.into());
        told.insert("pod".to_owned(), name.as_str().into());
        if let Some((plugin, reason)) = self.framework.pre_enqueue(model, template) {
            let code = "UnschedulableAndUnresolvable";
            let gate = json!({"plugin": plugin.name(), "code": code, "reasons": [reason]});
            told.insert("outcome".to_owned(), "gated".into());
            told.insert("gate".to_owned(), gate);
            return Ok(Value::Object(told));
        }
        let query = Query {
            model,
            snapshot: &self.snapshot,
            template,
            start: self.start,
            tie_break: TieBreak::LowestName,
        };
        let (decision, nodes) = self.framework.explain(&query);
        told::decision((model, template), &self.framework, (&decision, &nodes), &mut told);
        if self.input.sampling {
            told::sampling(self.start, &self.framework, (&decision, &nodes), &mut told);
        }
        if let Some(node) = decision.node() {
            let world = (model, &self.snapshot);
            let volumes = self.framework.reserve(world, template, node);
            told::volume_bindings(model, &volumes, &mut told);
        }
        Ok(Value::Object(told))
    }

    /// Applies what the recording says happened.
    pub(super) fn apply(&mut self, at: usize, recorded: &Value) -> Result<(), String> {
        for victim in recorded["preemption"]["victims"].as_array().into_iter().flatten() {
            let known = victim.as_str().and_then(|name| self.pods.remove(name));
            let pod = known.ok_or_else(|| format!("decision {at}: no pod {victim} to evict"))?;
            self.snapshot.remove_pod(&self.input.model, pod);
        }
        if let Some(next) = recorded["nextIndex"].as_u64() {
            self.start = usize::try_from(next).map_err(|error| error.to_string())?;
        }
        if let Some(node) = recorded["node"].as_u64() {
            let nodes = &self.input.model.nodes;
            let node = usize::try_from(node).ok().filter(|&node| node < nodes.len());
            let node = node.ok_or_else(|| format!("decision {at} names no node of the case"))?;
            let (name, template) = self.input.incoming[at].clone();
            let node = NodeId::from_index(node);
            self.bind(name, node, template);
            for binding in recorded["volumeBindings"].as_array().into_iter().flatten() {
                self.bind_volume(binding, node)
                    .ok_or_else(|| format!("decision {at}: {binding} is of no claim and volume"))?;
            }
        }
        Ok(())
    }

    /// A claim and a volume are bound to each other; a volume that is new first.
    fn bind_volume(&mut self, binding: &Value, node: NodeId) -> Option<()> {
        let Input { model, .. } = &self.input;
        let (namespace, name) = binding["pvc"].as_str()?.split_once('/')?;
        let known = |claim: &Claim| {
            claim.name == name && model.namespaces[claim.namespace].name == namespace
        };
        let (claim, _) = model.storage.claims.iter().find(|(_, claim)| known(claim))?;
        if binding["provisioned"] == true {
            // The new volume can be reached from the zone of the chosen node.
            let zone = model.symbols.get(ZONE_LABEL);
            let value = zone.and_then(|key| model.nodes[node].labels.get(key));
            let made = Provisioned { within: zone.zip(value) };
            self.snapshot.storage_mut().provision(claim, made);
        } else {
            let name = binding["pv"].as_str()?;
            let (volume, _) = model.storage.volumes.iter().find(|(_, v)| v.name == name)?;
            self.snapshot.storage_mut().bind(claim, volume);
        }
        Some(())
    }
}
