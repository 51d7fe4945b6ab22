//! What the volume plugins say, in Kubernetes' words.

use super::storage::allows;
use super::testing::{Bench, GIB, ModelBuilder, ZONE};
use super::{Outcome, PodVolumes, Provisioned};
use crate::model::{
    AccessModes, BindingMode, Claim, ClaimId, Disk, Holder, LabelSelector, Labels, NO_PROVISIONER,
    Named, NamespaceId, NodeId, PodVolume, StorageCapacity, StorageClassId, TemplateId,
};

const DRIVER: &str = "csi.example.com";
const LATE: BindingMode = BindingMode::WaitForFirstConsumer;

/// Nodes a, b, c of 8 cores in the zones of their names, and a class that binds late.
fn three_zones() -> (ModelBuilder, StorageClassId) {
    let mut builder = ModelBuilder::new();
    for zone in ["a", "b", "c"] {
        builder.node(zone, zone, (8000, 32));
    }
    let class = builder.class("late", DRIVER, LATE);
    (builder, class)
}

fn reserve(bench: &Bench, template: TemplateId, node: usize) -> PodVolumes {
    let world = (&bench.model, &bench.snapshot);
    bench.framework.reserve(world, template, NodeId::from_index(node))
}

const AFFINITY: &str = "!VolumeBinding: node(s) didn't match PersistentVolume's node affinity";
const NOTHING: &str = "!VolumeBinding: node(s) didn't find available persistent volumes to bind";

#[test]
fn a_bound_volume_keeps_its_pod_in_its_zone() {
    let (mut builder, class) = three_zones();
    let volume = builder.volume("v", class, 5, "b");
    let claim = builder.claim("c", class, 5);
    let pod = builder.with_volumes("web", &[PodVolume::Claim(claim)]);
    let mut bench = Bench::new(builder);
    bench.snapshot.storage_mut().bind(claim, volume);
    assert_eq!(bench.verdicts(pod), [AFFINITY, "", AFFINITY]);
    assert!(reserve(&bench, pod, 1).is_empty());
    bench.snapshot.remove_node(&bench.model, NodeId::from_index(1));
    assert_eq!(
        bench.message(pod),
        "0/2 nodes are available: 2 node(s) didn't match PersistentVolume's node affinity. no new \
         claims to deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful for \
         scheduling."
    );
}

#[test]
fn a_made_volume_keeps_its_pod_in_the_zone_it_was_made_for() {
    let (mut builder, class) = three_zones();
    let claim = builder.claim("c", class, 5);
    let pod = builder.with_volumes("web", &[PodVolume::Claim(claim)]);
    let mut bench = Bench::new(builder);
    assert_eq!(bench.verdicts(pod), ["", "", ""]);
    assert_eq!(reserve(&bench, pod, 2).provisions, [claim]);
    let zone = bench.model.symbols.get(ZONE).zip(bench.model.symbols.get("c"));
    bench.snapshot.storage_mut().provision(claim, Provisioned { within: zone });
    assert_eq!(bench.verdicts(pod), [AFFINITY, AFFINITY, ""]);
    bench.snapshot.storage_mut().claim_mut(claim).provisioned = None;
    let gone = "!VolumeZone: persistentvolume \"\" not found";
    assert_eq!(bench.verdicts(pod), [gone]);
}

#[test]
fn the_smallest_volume_that_fits_is_bound_and_small_claims_come_first() {
    let (mut builder, _) = three_zones();
    let class = builder.class("local", NO_PROVISIONER, LATE);
    let [ten, six, _far] = [("ten", 10, "a"), ("six", 6, "a"), ("far", 4, "b")]
        .map(|v| builder.volume(v.0, class, v.1, v.2));
    let [large, small] = [("large", 5), ("small", 4)].map(|c| builder.claim(c.0, class, c.1));
    let both = [PodVolume::Claim(large), PodVolume::Claim(small)];
    let (pod, one) = (builder.with_volumes("both", &both), builder.with_volumes("one", &both[1..]));
    let mut bench = Bench::new(builder);
    assert_eq!(bench.verdicts(pod), ["", NOTHING, NOTHING]);
    assert_eq!(reserve(&bench, pod, 0).bindings, [(small, six), (large, ten)]);
    assert_eq!(bench.verdicts(one), ["", "", NOTHING]);
    // A volume on its way to another claim is not for this one.
    bench.snapshot.storage_mut().volume_mut(ten).holder = Some(Holder::Other);
    assert_eq!(bench.verdicts(pod), [NOTHING; 3]);
}

#[test]
fn what_a_volume_has_to_have() {
    type Change = fn(&mut ModelBuilder, ClaimId, crate::model::VolumeId);
    let spoil: [(&str, Change); 9] = [
        ("size", |b, c, _| b.claim_spec(c).request_bytes = 6 * GIB),
        ("mode", |b, c, _| b.claim_spec(c).modes = AccessModes::READ_WRITE_MANY),
        ("block", |b, c, _| b.claim_spec(c).block = true),
        ("deleting", |b, _, v| b.volume_spec(v).deleting = true),
        ("phase", |b, _, v| b.volume_spec(v).available = false),
        ("class", |b, _, v| b.volume_spec(v).class = None),
        ("holder", |b, _, v| b.volume_spec(v).holder = Some(Holder::Other)),
        ("selector", |b, c, _| b.claim_spec(c).selector = Some(LabelSelector::none())),
        ("attributes", |b, c, _| b.claim_spec(c).attributes_class = b.model.symbols.get("a")),
    ];
    let bindings = |change: Option<Change>| {
        let (mut builder, _) = three_zones();
        let class = builder.class("local", NO_PROVISIONER, LATE);
        let (volume, claim) = (builder.volume("v", class, 5, ""), builder.claim("c", class, 5));
        if let Some(change) = change {
            change(&mut builder, claim, volume);
        }
        let pod = builder.with_volumes("web", &[PodVolume::Claim(claim)]);
        let bench = Bench::new(builder);
        reserve(&bench, pod, 0).bindings.len()
    };
    assert_eq!(bindings(None), 1);
    for (what, change) in spoil {
        assert_eq!(bindings(Some(change)), 0, "{what}");
    }
    // What is reserved for the claim is bound even where nothing else recommends it.
    let reserved: Change = |b, c, v| {
        b.volume_spec(v).holder = Some(Holder::Claim(c));
        b.volume_spec(v).available = false;
    };
    assert_eq!(bindings(Some(reserved)), 1);
}

#[test]
fn allowed_topologies_and_capacity_limit_what_is_made() {
    let (mut builder, class) = three_zones();
    let key = builder.symbol(ZONE);
    let [a, b] = ["a", "b"].map(|zone| builder.symbol(zone));
    let driver = builder.symbol(DRIVER);
    let claim = builder.claim("c", class, 5);
    let pod = builder.with_volumes("web", &[PodVolume::Claim(claim)]);
    let only_a = builder.requirement(ZONE, "a");
    let storage = &mut builder.model.storage;
    let spec = storage.classes[class].spec.as_mut().unwrap();
    spec.allowed_topologies = vec![vec![(key, vec![a, b])]];
    storage.capacity_tracking.push(driver);
    let topology = LabelSelector { nothing: false, requirements: vec![only_a] };
    for (node_topology, gib) in
        [(Some(topology), 5), (None, 50), (Some(LabelSelector::default()), 4)]
    {
        let limit_bytes = Some(gib * GIB);
        storage.capacities.push(StorageCapacity { class, node_topology, limit_bytes });
    }
    let mut bench = Bench::new(builder);
    let full = "!VolumeBinding: node(s) did not have enough free storage";
    assert_eq!(bench.verdicts(pod), ["", full, NOTHING]);
    // Who has chosen a node already stays there.
    bench.snapshot.storage_mut().claim_mut(claim).selected_node = Some(b);
    assert_eq!(bench.verdicts(pod), [NOTHING, full, NOTHING]);
}

#[test]
fn topology_terms_match_all_keys_of_one() {
    let mut builder = ModelBuilder::new();
    let [key, other, x, y] = ["key", "other", "x", "y"].map(|text| builder.symbol(text));
    let labels = Labels::from_pairs([(key, x), (other, y)]);
    let cases = [
        (vec![], true),
        (vec![vec![]], false),
        (vec![vec![(key, vec![x])]], true),
        (vec![vec![(key, vec![])]], false),
        (vec![vec![(key, vec![x]), (other, vec![x])]], false),
        (vec![vec![(key, vec![y])], vec![(other, vec![x, y])]], true),
    ];
    for (terms, expected) in cases {
        assert_eq!(allows(&terms, &labels), expected, "{terms:?}");
    }
}

#[test]
fn claims_that_nobody_has_bound_yet() {
    let now = BindingMode::Immediate;
    let told = |change: fn(&mut ModelBuilder, ClaimId), mode| {
        let mut builder = ModelBuilder::new();
        builder.node("a", "a", (8000, 32));
        let class = builder.class("x", DRIVER, mode);
        let claim = builder.claim("c", class, 5);
        let pod = builder.with_volumes("web", &[PodVolume::Claim(claim)]);
        change(&mut builder, claim);
        let mut bench = Bench::new(builder);
        bench.verdicts(pod).join(", ")
    };
    assert_eq!(
        told(|_, _| {}, now),
        "!VolumeBinding: pod has unbound immediate PersistentVolumeClaims"
    );
    let nowhere = |b: &mut ModelBuilder, c: ClaimId| {
        let named = Named { name: "pv".into(), spec: None };
        b.claim_spec(c).volume = Some(b.model.storage.volumes.push(named));
    };
    assert_eq!(
        told(nowhere, LATE),
        "!VolumeBinding: pod has unbound immediate PersistentVolumeClaims"
    );
    let lost = |b: &mut ModelBuilder, c: ClaimId| {
        let named = Named { name: "pv".into(), spec: None };
        b.claim_spec(c).volume = Some(b.model.storage.volumes.push(named));
        b.claim_spec(c).bind_completed = true;
    };
    assert_eq!(told(lost, LATE), "!VolumeZone: persistentvolume \"pv\" not found");
    let marked = |b: &mut ModelBuilder, c: ClaimId| b.claim_spec(c).lost = true;
    assert_eq!(
        told(marked, LATE),
        "!VolumeBinding: persistentvolumeclaim \"c\" bound to non-existent persistentvolume \"\""
    );
    let deleting = |b: &mut ModelBuilder, c: ClaimId| b.claim_spec(c).deleting = true;
    assert_eq!(
        told(deleting, LATE),
        "!VolumeBinding: persistentvolumeclaim \"c\" is being deleted"
    );
    let missing = |b: &mut ModelBuilder, c: ClaimId| b.model.storage.claims[c].spec = None;
    assert_eq!(told(missing, now), "!VolumeRestrictions: persistentvolumeclaim \"c\" not found");
    let own = |b: &mut ModelBuilder, c: ClaimId| {
        b.model.storage.claims[c].spec = None;
        let pod = TemplateId::from_index(0);
        b.spec(pod).volumes = vec![PodVolume::Ephemeral { claim: c, foreign: false }];
    };
    assert_eq!(
        told(own, now),
        "!VolumeBinding: waiting for ephemeral volume controller to create the \
         persistentvolumeclaim \"c\""
    );
    let others = |b: &mut ModelBuilder, c: ClaimId| {
        let pod = TemplateId::from_index(0);
        b.spec(pod).volumes = vec![PodVolume::Ephemeral { claim: c, foreign: true }];
    };
    assert_eq!(
        told(others, LATE),
        "!VolumeBinding: PVC default/c was not created for pod default/web (pod is not owner)"
    );
}

#[test]
fn a_class_without_binding_mode_is_an_error() {
    let (mut builder, class) = three_zones();
    builder.model.storage.classes[class].spec.as_mut().unwrap().binding = None;
    let claim = builder.claim("c", class, 5);
    let pod = builder.with_volumes("web", &[PodVolume::Claim(claim)]);
    assert!(matches!(Bench::new(builder).decide(pod).outcome, Outcome::Error(_)));
}

#[test]
fn attached_volumes_are_limited_per_driver_and_count_once() {
    let (mut builder, class) = three_zones();
    let [driver, other] = [DRIVER, "other"].map(|name| builder.symbol(name));
    let nodes: Vec<NodeId> = builder.model.nodes.ids().collect();
    for (node, limits) in nodes.iter().zip([vec![(driver, 1)], vec![(other, 0)]]) {
        builder.model.storage.attach_limits.insert(*node, limits);
    }
    let [one, two] = ["one", "two"].map(|name| PodVolume::Claim(builder.claim(name, class, 1)));
    let first = builder.with_volumes("first", std::slice::from_ref(&one));
    let second = builder.with_volumes("second", std::slice::from_ref(&two));
    let both = builder.with_volumes("both", &[one, two]);
    let mut bench = Bench::new(builder);
    let limit = "NodeVolumeLimits: node(s) exceed max volume count";
    assert_eq!(bench.verdicts(both), [limit, "", ""]);
    bench.bind(nodes[0], first);
    assert_eq!(bench.verdicts(first), ["", "", ""]);
    assert_eq!(bench.verdicts(second), [limit, "", ""]);
}

#[test]
fn zone_labels_of_volumes_may_name_several() {
    let (mut builder, class) = three_zones();
    builder.node("none", "", (8000, 32));
    let volume = builder.volume("v", class, 5, "");
    let (key, value) = (builder.symbol(ZONE), builder.symbol("b__c"));
    builder.volume_spec(volume).labels.set(key, value);
    let claim = builder.claim("c", class, 5);
    let pod = builder.with_volumes("web", &[PodVolume::Claim(claim)]);
    let gap = builder.symbol("a__");
    let mut bench = Bench::new(builder);
    bench.snapshot.storage_mut().bind(claim, volume);
    let elsewhere = "!VolumeZone: node(s) had no available volume zone";
    assert_eq!(bench.verdicts(pod), [elsewhere, "", "", ""]);
    // A list with a gap says nothing.
    bench.model.storage.volumes[volume].spec.as_mut().unwrap().labels.set(key, gap);
    assert_eq!(bench.verdicts(pod), ["", "", "", ""]);
}

#[test]
fn disks_without_claims_are_not_shared_on_a_node() {
    let mut builder = ModelBuilder::new();
    builder.node("a", "a", (8000, 32));
    let [x, y, pool] = ["x", "y", "pool"].map(|name| builder.symbol(name));
    let gce = |name, read_only| Disk::GcePersistentDisk { name, read_only };
    let iscsi = |iqn, read_only| Disk::Iscsi { iqn, read_only };
    let rbd = |monitors: &[_], image, read_only| Disk::Rbd {
        monitors: monitors.to_vec(),
        pool,
        image,
        read_only,
    };
    let aws = |id| Disk::AwsElasticBlockStore { id };
    let cases = [
        (gce(x, true), gce(x, true), false),
        (gce(x, true), gce(x, false), true),
        (gce(x, false), gce(y, false), false),
        (aws(x), aws(x), true),
        (aws(x), gce(x, false), false),
        (iscsi(x, false), iscsi(x, true), true),
        (iscsi(x, true), iscsi(x, true), false),
        (rbd(&[x, y], x, false), rbd(&[y], x, true), true),
        (rbd(&[x], x, false), rbd(&[y], x, true), false),
        (rbd(&[x], x, false), rbd(&[x], y, false), false),
    ];
    let pairs: Vec<_> = cases
        .iter()
        .map(|(a, b, conflict)| {
            let of = |builder: &mut ModelBuilder, disk: &Disk| {
                builder.with_volumes("web", &[PodVolume::Disk(disk.clone())])
            };
            (of(&mut builder, a), of(&mut builder, b), *conflict)
        })
        .collect();
    let mut bench = Bench::new(builder);
    for ((there, comes, conflict), case) in pairs.into_iter().zip(&cases) {
        let pod = bench.bind(NodeId::from_index(0), there);
        let expected =
            if conflict { "VolumeRestrictions: node(s) had no available disk" } else { "" };
        assert_eq!(bench.verdicts(comes), [expected], "{case:?}");
        bench.snapshot.remove_pod(&bench.model, pod);
    }
}

#[test]
fn a_claim_for_one_pod_serves_one_and_goes_to_the_more_important() {
    let (mut builder, class) = three_zones();
    let claim = builder.claim("c", class, 5);
    builder.claim_spec(claim).modes = AccessModes::READ_WRITE_ONCE_POD;
    let there = builder.with_volumes("there", &[PodVolume::Claim(claim)]);
    let equal = builder.with_volumes("equal", &[PodVolume::Claim(claim)]);
    let above = builder.with_volumes("above", &[PodVolume::Claim(claim)]);
    builder.spec(above).priority = 10;
    let mut bench = Bench::new(builder);
    let bound = bench.bind(NodeId::from_index(1), there);
    bench.snapshot.storage_mut().provision(claim, Provisioned { within: None });
    let used = "VolumeRestrictions: node(s) unavailable due to PersistentVolumeClaim with \
                ReadWriteOncePod access mode already in-use by another pod";
    assert_eq!(bench.verdicts(equal), [used; 3]);
    let victims = |bench: &mut Bench, template| {
        let decision = bench.decide(template);
        let answer = bench.post_filter(template, &decision, &[]);
        let found = answer.preemption.expect("preemption was asked");
        found.nominated().map(|taken| (taken.node.index(), taken.victims.clone()))
    };
    assert_eq!(victims(&mut bench, equal), None);
    let taken = victims(&mut bench, above).expect("the user is less important");
    assert_eq!((taken.0, taken.1.len(), taken.1[0].pod), (1, 1, bound));
    bench.snapshot.remove_pod(&bench.model, bound);
    assert_eq!(bench.verdicts(equal), [""; 3]);
}

#[test]
fn immediate_claims_are_bound_without_a_pod() {
    let (mut builder, late) = three_zones();
    let now = builder.class("now", DRIVER, BindingMode::Immediate);
    let none = builder.class("none", NO_PROVISIONER, BindingMode::Immediate);
    let [large, fits] = [("large", 9), ("fits", 5)].map(|v| builder.volume(v.0, now, v.1, "b"));
    let claims = [("c", now, 5), ("d", now, 20), ("e", late, 1), ("f", none, 1)];
    let [c, d, e, f] = claims.map(|claim| builder.claim(claim.0, claim.1, claim.2));
    let bench = Bench::new(builder);
    let mut storage = bench.snapshot.storage().clone();
    storage.bind_immediate(&bench.model, |_, zones| zones - 1);
    assert_eq!(storage.claim(c).volume, Some(super::VolumeRef::Declared(fits)));
    let last = bench.model.symbols.get(ZONE).zip(bench.model.symbols.get("c"));
    assert_eq!(storage.claim(d).provisioned, Some(Provisioned { within: last }));
    assert_eq!([e, f].map(|claim| storage.is_bound(claim)), [false, false]);
    assert!(storage.volume(large).available);
    let before = storage.clone();
    storage.bind_immediate(&bench.model, |_, _| 0);
    assert_eq!(storage, before, "what is bound stays bound");
}

#[test]
fn pods_without_volumes_have_nothing_to_do_with_claims() {
    let (mut builder, class) = three_zones();
    builder.claim("c", class, 5);
    builder.model.storage.claims.push(Claim {
        namespace: NamespaceId::from_index(0),
        name: "missing".into(),
        spec: None,
    });
    let pod = builder.template("web", (100, GIB));
    let mut bench = Bench::new(builder);
    assert_eq!(bench.verdicts(pod), ["", "", ""]);
    let skipped: Vec<&str> =
        bench.framework.skipped_filters().iter().map(super::PluginId::name).collect();
    for plugin in ["VolumeRestrictions", "NodeVolumeLimits", "VolumeBinding", "VolumeZone"] {
        assert!(skipped.contains(&plugin), "{plugin}");
    }
}
