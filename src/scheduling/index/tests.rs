//! The index against the full scan: both go through the same random histories and must decide
//! alike, to the number of nodes looked at, and every placement must keep the rules.

use crate::model::{
    AccessModes, AffinityTerm, BindingMode, ClaimId, Disk, Expression, FitStrategy, HostPort,
    Image, ImageId, InclusionPolicy, LabelSelector, NO_PROVISIONER, NodeId, NodeSelectorTerm,
    PluginArgs, PodId, PodVolume, Profile, Protocol, Requirement, ResourceId, ResourceWeight,
    ScoreWeight, ShapePoint, SpreadConstraint, TaintEffect, TemplateId, Weighted,
};
use crate::rng::Streams;
use crate::scheduling::soundness::Placed;
use crate::scheduling::testing::{Bench, GIB, HOSTNAME, ModelBuilder, ZONE, container};
use crate::scheduling::{Evaluation, Framework, Provisioned, Query, TieBreak, config};

/// SplitMix64, so that a history follows from one number.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }
}

const RACK: &str = "rack";
const APPS: [&str; 6] = ["web", "api", "db", "cache", "batch", "mail"];

/// Nodes in zones and racks, some without either, some tainted, of several sizes.
fn nodes(builder: &mut ModelBuilder, dice: &mut Dice, count: u64) {
    let plain = dice.one_in(2);
    let zones: &[&str] = dice.pick(&[&["a", "b", "c"], &["a"], &["a", "b", "c", "d", "e"]]);
    for at in 0..count {
        let zone = if !plain && dice.one_in(8) { "" } else { dice.pick(zones) };
        let size = if plain { (8, 32) } else { dice.pick(&[(4, 16), (8, 32), (16, 32), (2, 64)]) };
        let node = builder.node(&format!("n{at:03}"), zone, (size.0 * 1000, size.1));
        let rack = builder.symbol(RACK);
        let value = format!("{zone}{}", dice.below(4));
        let value = builder.symbol(&value);
        if plain || !dice.one_in(6) {
            builder.model.nodes[node].labels.set(rack, value);
        }
        let disk = builder.symbol("disk");
        let kind = builder.symbol(dice.pick(&["ssd", "hdd"]));
        builder.model.nodes[node].labels.set(disk, kind);
        if !plain && dice.one_in(5) {
            let effect = dice.pick(&[TaintEffect::NoSchedule, TaintEffect::PreferNoSchedule]);
            let taint = builder.taint("dedicated", "x", effect);
            builder.model.nodes[node].taints.push(taint);
        }
    }
}

fn key(dice: &mut Dice) -> &'static str {
    dice.pick(&[ZONE, ZONE, HOSTNAME, HOSTNAME, RACK])
}

fn spread(builder: &mut ModelBuilder, dice: &mut Dice, app: &str) -> SpreadConstraint {
    let (key, skew, hard) = (key(dice), 1 + dice.below(3), dice.one_in(2));
    let app = if dice.one_in(6) { dice.pick(&APPS) } else { app };
    let skew = i64::try_from(skew).unwrap();
    let mut constraint = builder.spread(app, key, skew, hard);
    let policies = [InclusionPolicy::Honor, InclusionPolicy::Ignore];
    constraint.node_affinity_policy = dice.pick(&policies);
    constraint.node_taints_policy = dice.pick(&policies);
    if hard && dice.one_in(4) {
        constraint.min_domains = i64::try_from(1 + dice.below(5)).unwrap();
    }
    if dice.one_in(12) {
        constraint.selector = LabelSelector::default();
    }
    constraint
}

fn term(builder: &mut ModelBuilder, dice: &mut Dice, app: &str) -> AffinityTerm {
    let key = key(dice);
    let app = if dice.one_in(2) { dice.pick(&APPS) } else { app };
    builder.affinity(app, key)
}

fn on_disk(builder: &mut ModelBuilder, dice: &mut Dice) -> NodeSelectorTerm {
    let requirement: Requirement = builder.requirement("disk", dice.pick(&["ssd", "hdd", "tape"]));
    NodeSelectorTerm { expressions: vec![requirement], names: Vec::new() }
}

fn template(builder: &mut ModelBuilder, dice: &mut Dice) -> TemplateId {
    let app = dice.pick(&APPS);
    let (cpu, memory) = (dice.pick(&[0, 100, 500, 1500]), dice.pick(&[0, 1, 2]));
    let id = builder.template(app, (cpu, memory * GIB / 2));
    for _ in 0..dice.pick(&[0, 0, 1, 1, 2]) {
        let constraint = spread(builder, dice, app);
        builder.spec(id).spread.push(constraint);
    }
    if dice.one_in(4) {
        let term = term(builder, dice, app);
        builder.spec(id).pod_affinity.anti_required.push(term);
    }
    if dice.one_in(8) {
        let term = term(builder, dice, app);
        builder.spec(id).pod_affinity.required.push(term);
    }
    for anti in [false, true] {
        if dice.one_in(4) {
            let weight = i64::try_from(1 + dice.below(100)).unwrap();
            let entry = Weighted { weight, term: term(builder, dice, app) };
            let affinity = &mut builder.spec(id).pod_affinity;
            if anti { &mut affinity.anti_preferred } else { &mut affinity.preferred }.push(entry);
        }
    }
    if dice.one_in(5) {
        let term = on_disk(builder, dice);
        builder.spec(id).node_affinity = Some(vec![term]);
    }
    if dice.one_in(5) {
        let weight = i64::try_from(1 + dice.below(100)).unwrap();
        let entry = Weighted { weight, term: on_disk(builder, dice) };
        builder.spec(id).node_affinity_preferred.push(entry);
    }
    if dice.one_in(4) {
        let toleration = builder.toleration("dedicated");
        builder.spec(id).tolerations.push(toleration);
    }
    if dice.one_in(6) {
        let port = HostPort { ip: None, protocol: Protocol::Tcp, port: dice.pick(&[80, 443]) };
        builder.spec(id).host_ports.push(port);
    }
    if dice.one_in(5) {
        let at = usize::try_from(dice.below(builder.model.storage.claims.len() as u64)).unwrap();
        builder.spec(id).volumes.push(PodVolume::Claim(ClaimId::from_index(at)));
    }
    if dice.one_in(12) {
        let name = builder.symbol(dice.pick(&["disk-a", "disk-b"]));
        let disk = Disk::GcePersistentDisk { name, read_only: dice.one_in(2) };
        builder.spec(id).volumes.push(PodVolume::Disk(disk));
    }
    if dice.one_in(16) {
        let name = builder.symbol("n001");
        builder.spec(id).node_name = Some(name);
    }
    if dice.one_in(8) {
        let names = ["n000", "n002"].map(|name| builder.symbol(name));
        let names = names[..dice.pick(&[1, 1, 2])].to_vec();
        let term =
            NodeSelectorTerm { expressions: Vec::new(), names: vec![(dice.one_in(2), names)] };
        builder.spec(id).node_affinity.get_or_insert_default().push(term);
    }
    scalars_and_images(builder, dice, id);
    id
}

/// Scalar resources, by containers or by the pod as a whole, and images.
fn scalars_and_images(builder: &mut ModelBuilder, dice: &mut Dice, id: TemplateId) {
    let scalars: Vec<ResourceId> = builder.model.scalar_resources.ids().collect();
    if dice.one_in(3) {
        let scalar = dice.pick(&scalars);
        let amount = i64::try_from(dice.below(3)).unwrap();
        builder.spec(id).requests.set_scalar(scalar, amount);
        builder.spec(id).score_scalars = dice.one_in(2).then(Vec::new);
    }
    let images: Vec<ImageId> = builder.model.images.ids().collect();
    for _ in 0..dice.below(3) {
        let image = dice.pick(&images);
        builder.spec(id).containers.push(container(image));
    }
    if dice.one_in(4) {
        let image = dice.pick(&images);
        builder.spec(id).image_volumes.push(image);
    }
}

/// What nodes have of scalar resources and images.
fn offers(builder: &mut ModelBuilder, dice: &mut Dice) {
    let scalars = ["example.com/gpu", "hugepages-2Mi"];
    let scalars = scalars.map(|name| builder.model.scalar_resources.push(name.to_owned()));
    let image = |name: &str| Image { name: name.to_owned(), size_bytes: 0 };
    let images = ["a:v1", "b:v1", "c:v1"].map(|name| builder.model.images.push(image(name)));
    let plain = dice.one_in(2);
    for node in builder.model.nodes.values_mut().filter(|_| !plain) {
        for scalar in scalars {
            let amount = i64::try_from(dice.below(6)).unwrap();
            node.allocatable.set_scalar(scalar, amount);
        }
        let size = |dice: &mut Dice| i64::try_from(dice.below(2000) << 20).unwrap();
        for &image in &images {
            if dice.one_in(2) {
                node.images.push((image, size(dice)));
            }
        }
    }
}

/// Scores that look at scalar resources.
fn scored_scalars(profile: &mut Profile, dice: &mut Dice) {
    if !dice.one_in(2) {
        return;
    }
    let resources = ["cpu", "example.com/gpu", "hugepages-2Mi"];
    let resources = resources.map(|name| ResourceWeight { name: name.to_owned(), weight: 1 });
    let resources = resources.to_vec();
    let shape = [(0, 10), (100, 1)];
    let shape = shape.map(|(utilization, score)| ShapePoint { utilization, score });
    let strategies = [
        FitStrategy::LeastAllocated,
        FitStrategy::MostAllocated,
        FitStrategy::RequestedToCapacityRatio(shape.to_vec()),
    ];
    let at = usize::try_from(dice.below(3)).unwrap();
    let fit = PluginArgs::NodeResourcesFit {
        strategy: strategies[at].clone(),
        resources: resources.clone(),
        ignored_resources: Vec::new(),
        ignored_groups: Vec::new(),
    };
    let balanced = PluginArgs::NodeResourcesBalancedAllocation { resources };
    for (name, args) in [("NodeResourcesFit", fit), ("NodeResourcesBalancedAllocation", balanced)] {
        profile.args.push((name.to_owned(), args));
    }
}

/// Plugins of research added to the defaults, or in their place.
fn research(profile: &mut Profile, dice: &mut Dice) {
    if !dice.one_in(3) {
        return;
    }
    if dice.one_in(2) {
        profile.score.clear();
        profile.pre_score.clear();
    }
    let by_node = ["FirstFit", "BestFit", "WorstFit", "DotProduct"];
    for _ in 0..1 + dice.below(2) {
        let lot = dice.one_in(4);
        let plugin = dice.pick(if lot { &["Random", "PowerOfTwoChoices"] } else { &by_node[..] });
        if profile.score.iter().any(|entry| entry.plugin == plugin) {
            continue;
        }
        profile.pre_score.push(plugin.to_owned());
        let weight = i64::try_from(1 + dice.below(3)).unwrap();
        profile.score.push(ScoreWeight { plugin: plugin.to_owned(), weight });
    }
}

/// Claims of every kind, some volumes in zones, and limits on some nodes.
fn storage(builder: &mut ModelBuilder, dice: &mut Dice) {
    let modes = [BindingMode::Immediate, BindingMode::WaitForFirstConsumer];
    for (name, provisioner) in [("csi", "csi.example.com"), ("local", NO_PROVISIONER)] {
        let mode = if name == "csi" { dice.pick(&modes) } else { modes[1] };
        let class = builder.class(name, provisioner, mode);
        for at in 0..dice.below(4) {
            let gib = i64::try_from(1 + dice.below(8)).unwrap();
            let zone = dice.pick(&["a", "b", ""]);
            builder.volume(&format!("{name}-v{at}"), class, gib, zone);
        }
        for at in 0..3 {
            let gib = i64::try_from(1 + dice.below(6)).unwrap();
            let claim = builder.claim(&format!("{name}-c{at}"), class, gib);
            if dice.one_in(3) {
                builder.claim_spec(claim).modes = AccessModes::READ_WRITE_ONCE_POD;
            }
        }
    }
    let driver = builder.symbol("csi.example.com");
    let nodes: Vec<NodeId> = builder.model.nodes.ids().collect();
    for node in nodes {
        let limit = i64::try_from(dice.below(3)).unwrap();
        if dice.one_in(3) {
            builder.model.storage.attach_limits.insert(node, vec![(driver, limit)]);
        }
    }
}

/// Expressions that read labels, loads and the pod, some of which fail on some nodes.
fn expressions(builder: &mut ModelBuilder, dice: &mut Dice) {
    const FILTERS: &[&str] = &[
        "node.requested.pods < 4.0",
        "has(node.metadata.labels.rack) && node.metadata.labels.rack != 'r9'",
        "node.metadata.labels.rack != 'r9'",
        "pod.metadata.labels.app != 'db' || node.metadata.labels.disk == 'ssd'",
        "node.spec.taints.all(t, t.key != 'late')",
    ];
    const SCORES: &[&str] = &[
        "100.0 * (node.requested.cpu + pod.requests.cpu) / node.status.allocatable.cpu",
        "node.metadata.labels.disk == 'ssd' ? 100 : 20",
        "30.0 * node.requested.memory / (pod.requests.memory + 1e9)",
    ];
    if !dice.one_in(4) {
        return;
    }
    for at in 0..1 + dice.below(2) {
        let filter = dice.one_in(2).then(|| dice.pick(FILTERS).to_owned());
        let score = (filter.is_none() || dice.one_in(2)).then(|| dice.pick(SCORES).to_owned());
        let weight = i64::try_from(1 + dice.below(3)).unwrap();
        let name = format!("own-{at}");
        let written = Expression { name, filter, message: None, score, weight };
        builder.model.scheduler.expressions.push(written);
    }
}

/// One history: the decisions of both ways, compared one by one.
fn history(seed: u64, steps: u32) -> Result<u32, String> {
    let mut dice = Dice(seed);
    let mut builder = ModelBuilder::new();
    let count = dice.pick(&[1, 3, 20, 70, 150, 260]);
    nodes(&mut builder, &mut dice, count);
    storage(&mut builder, &mut dice);
    offers(&mut builder, &mut dice);
    let templates: Vec<_> =
        (0..dice.pick(&[1, 3, 8])).map(|_| template(&mut builder, &mut dice)).collect();
    if dice.one_in(2) {
        let selector = builder.selector("web");
        builder.model.services.push(crate::model::Service {
            namespace: crate::model::NamespaceId::from_index(0),
            name: "web".into(),
            selector,
            publish_not_ready_addresses: false,
        });
    }
    let [rack, other, empty] = [RACK, "r9", ""].map(|text| builder.symbol(text));
    let taint = builder.taint("late", "", TaintEffect::NoSchedule);
    let mut profile = config::default_profile();
    profile.percentage_of_nodes_to_score = dice.pick(&[0, 30, 100]);
    research(&mut profile, &mut dice);
    scored_scalars(&mut profile, &mut dice);
    expressions(&mut builder, &mut dice);
    let mut bench = Bench::with_profile(builder, &profile);
    let mut full = Framework::new(&bench.model, &profile);
    full.set_evaluation(Evaluation::FullScan);
    let streams = Streams::new(seed, 0);
    let mut pods: Vec<PodId> = Vec::new();
    let mut start = 0;
    let mut placed = 0;
    for step in 0..steps {
        let node = NodeId::from_index(usize::try_from(dice.below(count)).unwrap());
        match dice.below(16) {
            0 if !pods.is_empty() => {
                let at = usize::try_from(dice.below(pods.len() as u64)).unwrap();
                bench.snapshot.remove_pod(&bench.model, pods.swap_remove(at));
            }
            1 if !pods.is_empty() => bench.snapshot.mark_terminating(dice.pick(&pods)),
            2 if dice.one_in(3) && bench.snapshot.is_present(node) => {
                let taints = if dice.one_in(2) { vec![taint] } else { Vec::new() };
                bench.snapshot.update_node(node, &taints, dice.one_in(4));
            }
            3 if dice.one_in(8) => {
                if bench.snapshot.is_present(node) && count > 1 {
                    bench.snapshot.remove_node(&bench.model, node);
                } else {
                    bench.snapshot.add_node(&bench.model, node, &[], false);
                }
            }
            4 if dice.one_in(6) => {
                let mut spec = bench.model.nodes[node].clone();
                spec.labels.set(rack, dice.pick(&[other, empty]));
                spec.allocatable.cpu_milli += dice.pick(&[0, 1000]);
                let spec = (!dice.one_in(3)).then(|| std::sync::Arc::new(spec));
                bench.snapshot.set_spec(&bench.model, node, spec);
            }
            5 if !pods.is_empty() => {
                let (pod, template) = (dice.pick(&pods), dice.pick(&templates));
                let class = bench.snapshot.bound(pod).expect("it is on a node").template;
                let fixed = |class| {
                    let spec = &bench.model.templates[class];
                    (&spec.host_ports, &spec.volumes)
                };
                // Labels and requests of a pod can change, its ports and volumes cannot.
                if fixed(class) == fixed(template) {
                    bench.snapshot.update_pod(&bench.model, pod, template);
                }
            }
            _ => {}
        }
        bench.snapshot.refresh();
        if bench.snapshot.node_list().is_empty() {
            continue;
        }
        let template = dice.pick(&templates);
        let tie_break = if dice.one_in(2) {
            TieBreak::LowestName
        } else {
            TieBreak::Seeded { streams: &streams, entity: u64::from(step), attempt: 1 }
        };
        let query = Query {
            model: &bench.model,
            snapshot: &bench.snapshot,
            template,
            pinned: None,
            start,
            tie_break,
        };
        let theirs = full.schedule(&query);
        let ours = bench.framework.schedule(&query);
        if ours != theirs {
            return Err(format!("seed {seed} step {step}: {ours:?} not {theirs:?}"));
        }
        start = ours.next_start;
        if let Some(node) = ours.node() {
            placed += 1;
            let (model, snapshot) = (&bench.model, &bench.snapshot);
            let volumes = bench.framework.reserve((model, snapshot), template, node);
            let pod = bench.bind(node, template);
            let (model, snapshot) = (&bench.model, &bench.snapshot);
            let broken = Placed { model, snapshot, pod, template, node }.broken();
            if !broken.is_empty() {
                return Err(format!("seed {seed} step {step}: {broken:?}"));
            }
            pods.push(pod);
            let zone = bench.model.symbols.get(ZONE).expect("the builder knows it");
            let within = bench.model.nodes[node].labels.get(zone).map(|value| (zone, value));
            for (claim, volume) in volumes.bindings {
                bench.snapshot.storage_mut().bind(claim, volume);
            }
            for claim in volumes.provisions {
                bench.snapshot.storage_mut().provision(claim, Provisioned { within });
            }
        }
    }
    Ok(placed)
}

#[test]
fn both_ways_decide_alike() {
    let full = std::env::var("WAVETANK_TIER").is_ok_and(|tier| tier == "full");
    let mut placed = 0;
    for seed in 0..if full { 20_000 } else { 400 } {
        match history(seed, 150) {
            Ok(pods) => placed += pods,
            Err(difference) => panic!("{difference}"),
        }
    }
    assert!(placed > 10_000, "only {placed} pods were placed");
}

#[test]
fn the_index_answers_most_questions() {
    let mut builder = ModelBuilder::new();
    for at in 0..200 {
        builder.node(&format!("n{at:03}"), ["a", "b", "c"][at % 3], (8000, 32));
    }
    let web = builder.template("web", (100, GIB));
    let constraint = builder.spread("web", ZONE, 1, true);
    builder.spec(web).spread.push(constraint);
    let mut bench = Bench::new(builder);
    for _ in 0..3 {
        bench.place(web).expect("there is room");
    }
    let (shared, own) = bench.framework.kept_bytes();
    assert!(shared > 0 && own > 0, "nothing is kept");
    // The full scan lists what it found; the index does not.
    let found = bench.framework.feasible().len();
    bench.place(web).expect("there is room");
    assert_eq!(bench.framework.feasible().len(), found, "a full scan ran");
}
