//! Maps for looking up only: names at the door become dense numbers.
//!
//! The order of a hash map's entries is an accident, so [`LookupMap`] has no way to see it: it
//! neither iterates nor drains. Where order is wanted, use `BTreeMap` or the ids of an
//! [`Interner`].

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

#[expect(clippy::disallowed_types, reason = "wrapped so that its order cannot be seen")]
type Inner<K, V> = std::collections::HashMap<K, V, rustc_hash::FxBuildHasher>;

/// A hash map with a fixed hash function that can be asked, but not walked through.
#[derive(Clone)]
pub struct LookupMap<K, V> {
    inner: Inner<K, V>,
}

impl<K, V> LookupMap<K, V> {
    /// An empty map.
    #[must_use]
    pub fn new() -> Self {
        LookupMap { inner: Inner::default() }
    }

    /// An empty map with room for `capacity` entries.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        LookupMap { inner: Inner::with_capacity_and_hasher(capacity, rustc_hash::FxBuildHasher) }
    }

    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }

    /// Forgets all entries and keeps the memory.
    pub fn clear(&mut self) {
        self.inner.clear();
    }
}

impl<K: Eq + Hash, V> LookupMap<K, V> {
    /// The value at `key`.
    #[must_use]
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.inner.get(key)
    }

    /// The value at `key`, to be changed.
    #[must_use]
    pub fn get_mut<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.inner.get_mut(key)
    }

    /// The value at `key`; where there is none, the one that `make` returns is put there first.
    pub fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        self.inner.entry(key).or_insert_with(make)
    }

    /// Puts `value` at `key` and returns the value that was there.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.inner.insert(key, value)
    }

    /// Takes out the value at `key`.
    pub fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.inner.remove(key)
    }

    /// Whether there is a value at `key`.
    #[must_use]
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.inner.contains_key(key)
    }
}

impl<K, V> Default for LookupMap<K, V> {
    fn default() -> Self {
        LookupMap::new()
    }
}

impl<K, V> fmt::Debug for LookupMap<K, V> {
    /// Prints the size only: the entries have no order to print them in.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LookupMap({} entries)", self.len())
    }
}

/// The number of an interned text. Symbols compare in order of first interning.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Symbol(u32);

impl Symbol {
    /// The symbol numbered `index`, as [`Symbol::index`] gave it.
    ///
    /// # Panics
    /// If `index` does not fit in 32 bits.
    #[must_use]
    pub fn from_index(index: usize) -> Self {
        Symbol(u32::try_from(index).expect("an interner holds fewer than 2^32 texts"))
    }

    /// The symbol's number, dense from 0.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Gives every distinct text a number, in order of first sight.
#[derive(Clone, Debug, Default)]
pub struct Interner {
    symbols: LookupMap<Arc<str>, Symbol>,
    texts: Vec<Arc<str>>,
}

impl Interner {
    /// An interner that knows no text yet.
    #[must_use]
    pub fn new() -> Self {
        Interner::default()
    }

    /// The symbol of `text`, new if the text is.
    pub fn intern(&mut self, text: &str) -> Symbol {
        if let Some(symbol) = self.get(text) {
            return symbol;
        }
        let symbol = Symbol::from_index(self.texts.len());
        let text: Arc<str> = text.into();
        self.texts.push(Arc::clone(&text));
        self.symbols.insert(text, symbol);
        symbol
    }

    /// The symbol of `text`, if it has been interned.
    #[must_use]
    pub fn get(&self, text: &str) -> Option<Symbol> {
        self.symbols.get(text).copied()
    }

    /// The text of `symbol`.
    ///
    /// # Panics
    /// If another interner made the symbol and this one holds fewer texts.
    #[must_use]
    pub fn resolve(&self, symbol: Symbol) -> &str {
        &self.texts[symbol.index()]
    }

    /// Number of texts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether no text has been interned.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// All symbols with their texts, in order of first interning.
    pub fn iter(&self) -> impl Iterator<Item = (Symbol, &str)> {
        self.texts.iter().enumerate().map(|(i, text)| (Symbol::from_index(i), &**text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lookup_map_answers_by_borrowed_key() {
        let mut map: LookupMap<String, u32> = LookupMap::with_capacity(2);
        assert_eq!(map.insert("a".into(), 1), None);
        assert_eq!(map.insert("a".into(), 2), Some(1));
        *map.get_or_insert_with("b".into(), || 10) += 1;
        *map.get_or_insert_with("b".into(), || unreachable!("the key is there")) += 1;
        *map.get_mut("a").unwrap() += 5;
        assert_eq!((map.get("a"), map.get("b"), map.get("c")), (Some(&7), Some(&12), None));
        assert!(map.contains_key("b") && map.len() == 2);
        assert_eq!(format!("{map:?}"), "LookupMap(2 entries)");
        assert_eq!(map.remove("a"), Some(7));
        map.clear();
        assert!(map.is_empty());
    }

    #[test]
    fn symbols_are_dense_and_stable() {
        let mut names = Interner::new();
        let (zone, region) = (names.intern("zone"), names.intern("region"));
        assert_eq!(names.intern("zone"), zone);
        assert!(zone < region && region.index() == 1);
        assert_eq!((names.resolve(zone), names.resolve(region)), ("zone", "region"));
        assert_eq!((names.get("region"), names.get("rack")), (Some(region), None));
        assert_eq!(names.iter().map(|(_, text)| text).collect::<Vec<_>>(), ["zone", "region"]);
        assert_eq!(names.len(), 2);
    }
}
