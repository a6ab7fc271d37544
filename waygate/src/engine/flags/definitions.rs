use waygate_core::flag::{Definitions, Flag, Segment};

use crate::engine::kinds::Records;

impl Definitions for Records {
    fn flag(&self, key: &str) -> Option<&Flag> {
        let flag = self.flags.get(&key.parse().ok()?)?;
        Some(&flag.value)
    }

    fn segment(&self, key: &str) -> Option<&Segment> {
        let segment = self.segments.get(&key.parse().ok()?)?;
        Some(&segment.value)
    }

    fn flags(&self) -> Box<dyn Iterator<Item = &Flag> + '_> {
        Box::new(self.flags.iter().map(|(_, flag)| &*flag.value))
    }

    fn segments(&self) -> Box<dyn Iterator<Item = &Segment> + '_> {
        Box::new(self.segments.iter().map(|(_, segment)| &*segment.value))
    }
}
