use super::outcome::Undecided;
use crate::flag::compile::CompiledSegment;

/// Whether the context is a member of a segment, or the reason why that cannot be decided.
pub(super) type Membership = Result<bool, Undecided>;

/// The segments that an evaluation has decided. Beyond its size segments are decided again.
pub(super) struct Memo<'s> {
    known: [Option<(&'s CompiledSegment, Membership)>; 8],
    len: usize,
}

impl<'s> Memo<'s> {
    pub(super) fn new() -> Self {
        Self {
            known: [None; 8],
            len: 0,
        }
    }

    /// Returns the decision about a segment. While it is being made there is none: the segment needs itself.
    pub(super) fn get(&self, segment: &CompiledSegment) -> Option<Membership> {
        let mut known = self.known[..self.len].iter().flatten();
        let same = known.find(|(known, _)| std::ptr::eq(*known, segment));
        same.map(|(_, membership)| *membership)
    }

    /// Starts a decision. Returns the place for its result.
    pub(super) fn start(&mut self, segment: &'s CompiledSegment) -> usize {
        let place = self.len;
        if let Some(free) = self.known.get_mut(place) {
            *free = Some((segment, Err(Undecided::Cycle)));
            self.len += 1;
        }
        place
    }

    pub(super) fn finish(&mut self, place: usize, membership: Membership) {
        if let Some(Some(known)) = self.known.get_mut(place) {
            known.1 = membership;
        }
    }
}
