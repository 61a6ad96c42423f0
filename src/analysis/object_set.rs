//! A set of objects: one bit per id.

use crate::snapshot::ObjectId;

/// A set of objects. One bit per id of the heap: 1.25 MB for ten million.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectSet {
    words: Vec<u64>,
}

impl ObjectSet {
    /// An empty set over `n_ids` ids.
    #[must_use]
    pub fn new(n_ids: usize) -> Self {
        Self { words: vec![0; n_ids.div_ceil(64)] }
    }

    /// Adds `object`; true when it was not there.
    #[inline]
    pub fn insert(&mut self, object: ObjectId) -> bool {
        let word = &mut self.words[object.index() / 64];
        let bit = 1 << (object.0 % 64);
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    /// Takes `object` out.
    #[inline]
    pub fn remove(&mut self, object: ObjectId) {
        self.words[object.index() / 64] &= !(1 << (object.0 % 64));
    }

    /// Takes every object out.
    pub fn clear(&mut self) {
        self.words.fill(0);
    }

    /// True when `object` is in it. False for an id beyond the heap.
    #[inline]
    #[must_use]
    pub fn contains(&self, object: ObjectId) -> bool {
        self.words.get(object.index() / 64).is_some_and(|word| word >> (object.0 % 64) & 1 == 1)
    }

    /// Members.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// True without members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// Sixty-four ids a word, the lowest bit first.
    #[inline]
    pub(super) fn words(&self) -> &[u64] {
        &self.words
    }

    /// Members, in id order.
    pub fn iter(&self) -> impl Iterator<Item = ObjectId> + '_ {
        self.words
            .iter()
            .enumerate()
            .flat_map(|(index, &word)| Ones(word).map(move |bit| ObjectId((index as u32) * 64 + bit)))
    }
}

/// Positions of the set bits of a word, lowest first.
struct Ones(u64);

impl Iterator for Ones {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let bit = (self.0 != 0).then(|| self.0.trailing_zeros())?;
        self.0 &= self.0 - 1;
        Some(bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_back_in_order() {
        let mut set = ObjectSet::new(200);
        for id in [130, 0, 63, 64, 199, 63] {
            set.insert(ObjectId(id));
        }
        assert_eq!(set.iter().map(|id| id.0).collect::<Vec<_>>(), [0, 63, 64, 130, 199]);
        assert_eq!(set.len(), 5);
        set.remove(ObjectId(64));
        assert!(!set.contains(ObjectId(64)) && set.contains(ObjectId(63)) && !set.contains(ObjectId(9999)));
    }
}
