//! Sets of completion indexes as ordered ranges, as a Job's status writes them: `0,2-5`.

use std::fmt;

/// A set of indexes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Indexes {
    /// First and last of each range, in order; ranges do not touch.
    ranges: Vec<(u32, u32)>,
}

impl Indexes {
    /// Reads ranges such as `0,2-5`; what is not below `completions` is left out. `None` if it is
    /// no such text.
    #[must_use]
    pub fn parse(text: &str, completions: u32) -> Option<Self> {
        let mut all = Self::default();
        for range in text.split(',').filter(|range| !range.is_empty()) {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
            if first < completions {
                all.add_range(first, last.min(completions - 1));
            }
        }
        Some(all)
    }

    /// Whether an index is in the set.
    #[must_use]
    pub fn has(&self, index: u32) -> bool {
        let at = self.ranges.partition_point(|(_, last)| *last < index);
        self.ranges.get(at).is_some_and(|(first, _)| *first <= index)
    }

    /// How many indexes are in the set.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.ranges.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// Whether the set is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// How many indexes are in both sets.
    #[must_use]
    pub fn common(&self, other: &Self) -> u32 {
        let (mut common, mut theirs) = (0, other.ranges.iter().peekable());
        for (first, last) in &self.ranges {
            while let Some((from, to)) = theirs.peek() {
                let (low, high) = (*first.max(from), *last.min(to));
                common += (high + 1).saturating_sub(low);
                if to > last {
                    break;
                }
                theirs.next();
            }
        }
        common
    }

    /// Adds an index.
    pub fn add(&mut self, index: u32) {
        self.add_range(index, index);
    }

    /// The indexes below `completions`.
    #[must_use]
    pub fn below(&self, completions: u32) -> Self {
        let inside = self.ranges.iter().filter(|(first, _)| *first < completions);
        let cut = |&(first, last): &(u32, u32)| (first, last.min(completions - 1));
        Self { ranges: inside.map(cut).collect() }
    }

    /// Adds all indexes of another set.
    pub fn extend(&mut self, other: &Self) {
        let mut ranges = std::mem::take(&mut self.ranges);
        ranges.extend(&other.ranges);
        *self = Self::of_ranges(ranges);
    }

    fn of_ranges(mut ranges: Vec<(u32, u32)>) -> Self {
        ranges.sort_unstable();
        let mut all = Self::default();
        // In order, so that each one meets the end of the list.
        ranges.into_iter().for_each(|(first, last)| all.add_range(first, last));
        all
    }

    fn add_range(&mut self, first: u32, last: u32) {
        if last < first {
            return;
        }
        // Ranges that overlap or touch the new one are merged into it.
        let from = self.ranges.partition_point(|(_, end)| end.saturating_add(1) < first);
        let to = self.ranges.partition_point(|(start, _)| *start <= last.saturating_add(1));
        let touched = &self.ranges[from..to];
        let first = touched.first().map_or(first, |(start, _)| first.min(*start));
        let last = touched.last().map_or(last, |(_, end)| last.max(*end));
        self.ranges.splice(from..to, [(first, last)]);
    }

    /// The lowest indexes below `completions` that are not in the set, at most `count`.
    #[must_use]
    pub fn lowest_absent(&self, count: usize, completions: u32) -> Vec<u32> {
        let ends = self.ranges.iter().copied().chain([(completions, completions)]);
        let mut from = 0;
        let mut absent = Vec::new();
        for (first, last) in ends {
            let missing = count.saturating_sub(absent.len());
            absent.extend((from..first.min(completions)).take(missing));
            from = last.saturating_add(1);
        }
        absent
    }
}

impl FromIterator<u32> for Indexes {
    fn from_iter<T: IntoIterator<Item = u32>>(indexes: T) -> Self {
        Self::of_ranges(indexes.into_iter().map(|index| (index, index)).collect())
    }
}

impl fmt::Display for Indexes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (first, last)) in self.ranges.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{first}")?;
            match last - first {
                0 => {}
                1 => write!(f, ",{last}")?,
                _ => write!(f, "-{last}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_merge_and_read_as_in_a_status() {
        let mut set: Indexes = [5, 1, 3, 3, 0].into_iter().collect();
        assert_eq!(set.to_string(), "0,1,3,5");
        set.add(4);
        set.add(2);
        assert_eq!(set.to_string(), "0-5");
        assert_eq!(Indexes::parse("0,2-9", 5), Some([0, 2, 3, 4].into_iter().collect()));
        assert_eq!(Indexes::parse("x", 5), None);
    }

    #[test]
    fn sets_answer_as_lists_do() {
        let of = |bits: u32| (0..8).filter(move |at| bits >> at & 1 == 1);
        for bits in 0..256 {
            let set: Indexes = of(bits).collect();
            assert_eq!(set.len(), bits.count_ones());
            assert_eq!(
                (0..9).filter(|at| set.has(*at)).collect::<Vec<_>>(),
                of(bits).collect::<Vec<_>>()
            );
            let absent: Vec<u32> = of(!bits).take(3).collect();
            assert_eq!(set.lowest_absent(3, 8), absent);
            for other in [0, 1, 0b1010_0101, 0b0011_1100, 0xff, bits / 2] {
                let common = set.common(&of(other).collect());
                assert_eq!(common, (bits & other).count_ones(), "{set} {other:b}");
            }
        }
    }
}
