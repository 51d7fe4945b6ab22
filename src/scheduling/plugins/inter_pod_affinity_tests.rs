//! Tables of what InterPodAffinity says, worked out by hand.

use crate::model::{Labels, Namespace, NamespaceId, Weighted};
use crate::scheduling::testing::{Bench, HOSTNAME, ModelBuilder, ZONE};

const PLUGIN: &str = "InterPodAffinity";
const OWN: &str = "!InterPodAffinity: node(s) didn't match pod affinity rules";
const ANTI: &str = "InterPodAffinity: node(s) didn't match pod anti-affinity rules";
const THEIRS: &str = "InterPodAffinity: node(s) didn't satisfy existing pods anti-affinity rules";

#[test]
fn required_terms_open_and_close_domains() {
    struct Row {
        what: &'static str,
        /// The pod's terms: app, key, anti.
        own: &'static [(&'static str, &'static str, bool)],
        /// The same of a pod `db` on a1.
        theirs: &'static [(&'static str, &'static str, bool)],
        /// What a1, a2, b1 and x1, which is in no zone, say.
        verdicts: [&'static str; 4],
    }
    let table = [
        Row {
            what: "near db, by zone",
            own: &[("db", ZONE, false)],
            theirs: &[],
            verdicts: ["", "", OWN, OWN],
        },
        Row {
            what: "near db, by node",
            own: &[("db", HOSTNAME, false)],
            theirs: &[],
            verdicts: ["", OWN, OWN, OWN],
        },
        Row {
            what: "near nobody there, and not of the group itself",
            own: &[("cache", ZONE, false)],
            theirs: &[],
            verdicts: [OWN; 4],
        },
        Row {
            what: "the first of its group goes where the key is",
            own: &[("web", ZONE, false)],
            theirs: &[],
            verdicts: ["", "", "", OWN],
        },
        Row {
            what: "one pod has to match all terms",
            own: &[("db", ZONE, false), ("web", ZONE, false)],
            theirs: &[],
            verdicts: [OWN; 4],
        },
        Row {
            what: "away from db; where the key is missing nothing is near",
            own: &[("db", ZONE, true)],
            theirs: &[],
            verdicts: [ANTI, ANTI, "", ""],
        },
        Row {
            what: "db stays away from web",
            own: &[],
            theirs: &[("web", ZONE, true)],
            verdicts: [THEIRS, THEIRS, "", ""],
        },
        Row {
            what: "its own anti-affinity is told before that of others",
            own: &[("db", HOSTNAME, true)],
            theirs: &[("web", ZONE, true)],
            verdicts: [ANTI, THEIRS, "", ""],
        },
    ];
    for Row { what, own, theirs, verdicts } in table {
        let mut builder = ModelBuilder::new();
        let nodes = [("a1", "a"), ("a2", "a"), ("b1", "b"), ("x1", "")];
        let nodes = nodes.map(|(name, zone)| builder.node(name, zone, (8000, 32)));
        let [pod, db] = [("web", own), ("db", theirs)].map(|(app, terms)| {
            let template = builder.template(app, (100, 0));
            for &(other, key, anti) in terms {
                let term = builder.affinity(other, key);
                let affinity = &mut builder.spec(template).pod_affinity;
                if anti { &mut affinity.anti_required } else { &mut affinity.required }.push(term);
            }
            template
        });
        let mut bench = Bench::new(builder);
        bench.bind(nodes[0], db);
        assert_eq!(bench.verdicts(pod), verdicts, "{what}");
    }
}

#[test]
fn terms_look_into_their_namespaces_only() {
    // Namespaces of the term, and whether the pod, in `default`, passes beside a pod of `other`.
    for (namespaces, passes) in [(&[0][..], true), (&[1][..], false), (&[0, 1][..], false)] {
        let mut builder = ModelBuilder::new();
        let node = builder.node("n", "a", (8000, 32));
        builder
            .model
            .namespaces
            .push(Namespace { name: "other".into(), labels: Labels::default() });
        let stranger = builder.template("db", (100, 0));
        builder.spec(stranger).namespace = NamespaceId::from_index(1);
        let pod = builder.template("web", (100, 0));
        let mut term = builder.affinity("db", ZONE);
        term.namespaces = namespaces.iter().map(|&at| NamespaceId::from_index(at)).collect();
        builder.spec(pod).pod_affinity.anti_required.push(term);
        let mut bench = Bench::new(builder);
        bench.bind(node, stranger);
        assert_eq!(bench.passes(pod, PLUGIN), [passes], "{namespaces:?}");
    }
}

#[test]
fn preferred_terms_of_both_sides_add_up() {
    // Terms of the pod `web` and of a pod `db` on a1: app, weight, anti. Raw and normalised scores of
    // a1, a2, b1: (raw − min) / (max − min) × 100.
    type Terms = &'static [(&'static str, i64, bool)];
    let table: [(Terms, Terms, [(i64, i64); 3]); 4] = [
        (&[("db", 10, false)], &[], [(10, 100), (10, 100), (0, 0)]),
        (&[("db", 10, true)], &[], [(-10, 0), (-10, 0), (0, 100)]),
        (&[("db", 10, false)], &[("web", 4, true)], [(6, 100), (6, 100), (0, 0)]),
        (&[], &[("web", 7, false)], [(7, 100), (7, 100), (0, 0)]),
    ];
    for (own, theirs, scores) in table {
        let mut builder = ModelBuilder::new();
        let nodes = [("a1", "a"), ("a2", "a"), ("b1", "b")];
        let nodes = nodes.map(|(name, zone)| builder.node(name, zone, (8000, 32)));
        let [pod, db] = [("web", own), ("db", theirs)].map(|(app, terms)| {
            let template = builder.template(app, (100, 0));
            for &(other, weight, anti) in terms {
                let entry = Weighted { weight, term: builder.affinity(other, ZONE) };
                let affinity = &mut builder.spec(template).pod_affinity;
                if anti { &mut affinity.anti_preferred } else { &mut affinity.preferred }
                    .push(entry);
            }
            template
        });
        let mut bench = Bench::new(builder);
        bench.bind(nodes[0], db);
        assert_eq!(bench.scores(pod, PLUGIN), scores.map(Some), "{own:?} {theirs:?}");
    }
}

#[test]
fn required_affinity_of_others_counts_with_the_hard_weight() {
    let mut builder = ModelBuilder::new();
    let nodes = [("a1", "a"), ("b1", "b")];
    let nodes = nodes.map(|(name, zone)| builder.node(name, zone, (8000, 32)));
    let pod = builder.template("web", (100, 0));
    let db = builder.template("db", (100, 0));
    let term = builder.affinity("web", ZONE);
    builder.spec(db).pod_affinity.required.push(term);
    let mut bench = Bench::new(builder);
    bench.bind(nodes[0], db);
    // hardPodAffinityWeight is 1 unless it is given.
    assert_eq!(bench.scores(pod, PLUGIN), [Some((1, 100)), Some((0, 0))]);
}
