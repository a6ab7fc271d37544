use crate::flag::compile::CompiledSegment;

/// The segments that an evaluation has decided. Beyond its size segments are decided again.
pub(super) struct Memo<'s> {
    known: [Option<(&'s CompiledSegment, bool)>; 8],
    len: usize,
}

impl<'s> Memo<'s> {
    pub(super) fn new() -> Self {
        Self {
            known: [None; 8],
            len: 0,
        }
    }

    /// Returns the decision about a segment; while it is being made, that the context is no member, which ends circles.
    pub(super) fn get(&self, segment: &CompiledSegment) -> Option<bool> {
        let mut known = self.known[..self.len].iter().flatten();
        let same = known.find(|(known, _)| std::ptr::eq(*known, segment));
        same.map(|(_, is_member)| *is_member)
    }

    /// Starts a decision. Returns the place for its result.
    pub(super) fn start(&mut self, segment: &'s CompiledSegment) -> usize {
        let place = self.len;
        if let Some(free) = self.known.get_mut(place) {
            *free = Some((segment, false));
            self.len += 1;
        }
        place
    }

    pub(super) fn finish(&mut self, place: usize, is_member: bool) {
        if let Some(Some(known)) = self.known.get_mut(place) {
            known.1 = is_member;
        }
    }
}
