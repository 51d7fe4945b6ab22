//! The present nodes in the order of the node list, their zones, and their domains by label.
//!
//! Everything here changes only when nodes come, go or are relabelled; then it is made anew.

use super::bits::Bits;
use crate::base::map::{LookupMap, Symbol};
use crate::model::{Model, NodeId};
use crate::scheduling::Snapshot;

/// Marks a node without the label.
const NONE: u32 = u32::MAX;
/// With more zones than this all nodes form one cell.
const MAX_CELLS: usize = 16;
/// With more domains than this the members of each are listed instead of kept as bits.
const MAX_DOMAIN_BITS: usize = 64;

/// How the values of a label lie over the nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// All nodes of a cell have the same value, or all lack it.
    PerCell,
    /// No two nodes have the same value.
    Unique,
    /// Neither.
    Mixed,
}

/// The nodes of each domain.
#[derive(Debug)]
enum Members {
    Bits(Vec<Bits>),
    Lists(Vec<Vec<u32>>),
}

/// The values of one label key, numbered densely in the order of the node list.
#[derive(Debug)]
pub(super) struct Column {
    key: Symbol,
    pub(super) kind: Kind,
    domain_of: Vec<u32>,
    /// Number of values.
    pub(super) domains: usize,
    /// The number for nodes without the label where they share the empty value.
    empty: u32,
    members: Members,
    /// Nodes that have the label.
    pub(super) labelled: Bits,
}

impl Column {
    fn new(
        (model, snapshot): (&Model, &Snapshot),
        nodes: &[NodeId],
        cell_of: &[u8],
        key: Symbol,
    ) -> Self {
        let mut numbers: LookupMap<Symbol, u32> = LookupMap::new();
        let mut labelled = Bits::none(nodes.len());
        let mut empty = None;
        let mut domain_of = Vec::with_capacity(nodes.len());
        for (place, &node) in nodes.iter().enumerate() {
            let value = snapshot.spec(model, node).labels.get(key);
            domain_of.push(value.map_or(NONE, |value| {
                let next = u32::try_from(numbers.len()).expect("fewer values than nodes");
                let number = *numbers.get_or_insert_with(value, || next);
                if model.symbols.resolve(value).is_empty() {
                    empty = Some(number);
                }
                number
            }));
            labelled.put(place, value.is_some());
        }
        let domains = numbers.len();
        let values = u32::try_from(domains).expect("fewer values than nodes");
        Self {
            key,
            kind: kind(&domain_of, domains, cell_of),
            members: members(&domain_of, domains),
            domain_of,
            domains,
            empty: empty.unwrap_or(values),
            labelled,
        }
    }

    /// The domain of the node at a place; `None` if it lacks the label.
    #[inline]
    pub(super) fn of(&self, place: usize) -> Option<usize> {
        let domain = self.domain_of[place];
        (domain != NONE).then_some(domain as usize)
    }

    /// Likewise, nodes without the label being in the domain of the empty value; up to `domains`.
    #[inline]
    pub(super) fn of_or_empty(&self, place: usize) -> usize {
        self.of(place).unwrap_or(self.empty as usize)
    }

    /// Puts the nodes of a domain into a set, or takes them out.
    pub(super) fn put_domain(&self, domain: usize, set: &mut Bits, within: bool) {
        match &self.members {
            Members::Bits(of) if within => set.add(&of[domain]),
            Members::Bits(of) => set.drop(&of[domain]),
            Members::Lists(of) => {
                of[domain].iter().for_each(|&place| set.put(place as usize, within));
            }
        }
    }
}

fn kind(domain_of: &[u32], domains: usize, cell_of: &[u8]) -> Kind {
    let labelled = domain_of.iter().filter(|&&domain| domain != NONE).count();
    let mut of_cell = [None; MAX_CELLS];
    let per_cell = domain_of
        .iter()
        .zip(cell_of)
        .all(|(&domain, &cell)| *of_cell[usize::from(cell)].get_or_insert(domain) == domain);
    match () {
        () if per_cell => Kind::PerCell,
        () if labelled == domains => Kind::Unique,
        () => Kind::Mixed,
    }
}

fn members(domain_of: &[u32], domains: usize) -> Members {
    let with_label = || domain_of.iter().enumerate().filter(|&(_, &domain)| domain != NONE);
    if domains <= MAX_DOMAIN_BITS {
        let mut of = vec![Bits::none(domain_of.len()); domains];
        with_label().for_each(|(place, &domain)| of[domain as usize].put(place, true));
        return Members::Bits(of);
    }
    let mut of = vec![Vec::new(); domains];
    for (place, &domain) in with_label() {
        of[domain as usize].push(u32::try_from(place).expect("node ids have 32 bits"));
    }
    Members::Lists(of)
}

/// The present nodes.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// Nodes by place.
    pub(super) nodes: Vec<NodeId>,
    /// The cell (zone) of each place.
    pub(super) cell_of: Vec<u8>,
    /// The places of each cell.
    pub(super) cells: Vec<Bits>,
    columns: Vec<Column>,
}

impl Layout {
    /// The nodes of a refreshed snapshot.
    pub(super) fn new(model: &Model, snapshot: &Snapshot) -> Self {
        let nodes = snapshot.node_list().to_vec();
        let key = model.symbols.get("topology.kubernetes.io/zone");
        let zone = |node: NodeId| key.and_then(|key| snapshot.spec(model, node).labels.get(key));
        let mut zones: Vec<Option<Symbol>> = Vec::new();
        for &node in &nodes {
            let zone = zone(node);
            if zones.len() <= MAX_CELLS && !zones.contains(&zone) {
                zones.push(zone);
            }
        }
        if zones.len() > MAX_CELLS {
            zones.clear();
        }
        let cell = |&node: &NodeId| {
            let at = zones.iter().position(|&other| other == zone(node)).unwrap_or(0);
            u8::try_from(at).expect("few cells")
        };
        let cell_of: Vec<u8> = nodes.iter().map(cell).collect();
        let mut cells = vec![Bits::none(nodes.len()); zones.len().max(1)];
        for (place, &cell) in cell_of.iter().enumerate() {
            cells[usize::from(cell)].put(place, true);
        }
        Self { nodes, cell_of, cells, columns: Vec::new() }
    }

    /// The number of the column for a label key, made if need be.
    pub(super) fn column(&mut self, at: (&Model, &Snapshot), key: Symbol) -> usize {
        if let Some(known) = self.columns.iter().position(|column| column.key == key) {
            return known;
        }
        self.columns.push(Column::new(at, &self.nodes, &self.cell_of, key));
        self.columns.len() - 1
    }

    /// A column by its number.
    #[inline]
    pub(super) fn get(&self, column: usize) -> &Column {
        &self.columns[column]
    }
}
