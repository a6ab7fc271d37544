//! Exposures and conversions by flag and variation.

use std::collections::HashMap;

use waygate_core::flag::FlagKey;

use crate::engine::flags::observe::usage::Conversion;

/// The most variations of a flag, former ones included.
const MAX_VARIANTS: usize = 200;

/// The most names of events of a process. Others are not counted.
const MAX_NAMES: usize = 100;

#[derive(Debug, Default)]
pub(super) struct Counts {
    flags: HashMap<FlagKey, Vec<Variant>>,
    /// The names of events, which variants refer to.
    names: Vec<Box<str>>,
    /// The events with names beyond the limit.
    pub(super) dropped: u64,
}

#[derive(Debug)]
struct Variant {
    name: Box<str>,
    /// Its hash with the secret of the process.
    hash: u64,
    exposures: u64,
    /// By the position of the name.
    conversions: Vec<(usize, Conversion)>,
}

impl Counts {
    /// Counts an exposure.
    pub(super) fn expose(&mut self, flag: &str, variation: &str, hash: u64) {
        let Ok(key) = flag.parse::<FlagKey>() else {
            return;
        };
        let variants = self.flags.entry(key).or_default();
        let has_room = variants.len() < MAX_VARIANTS;
        match variants
            .iter_mut()
            .find(|variant| *variant.name == *variation)
        {
            Some(variant) => variant.exposures += 1,
            None if !has_room => {}
            None => variants.push(Variant {
                name: variation.into(),
                hash,
                exposures: 1,
                conversions: Vec::new(),
            }),
        }
    }

    /// Counts an event for each variant to which its subject was exposed. Returns their number.
    pub(super) fn convert(
        &mut self,
        name: &str,
        value: Option<f64>,
        was_exposed: impl Fn(u64) -> bool,
    ) -> usize {
        let place = match self.names.iter().position(|known| **known == *name) {
            Some(place) => place,
            None if self.names.len() < MAX_NAMES => {
                self.names.push(name.into());
                self.names.len() - 1
            }
            None => {
                self.dropped += 1;
                return 0;
            }
        };
        let variants = self.flags.values_mut().flatten();
        let exposed = variants.filter(|variant| was_exposed(variant.hash));
        exposed
            .map(|variant| variant.convert(place, name, value))
            .count()
    }

    pub(super) fn of(&self, flag: &FlagKey, variation: &str) -> (u64, Vec<Conversion>) {
        let variants = self.flags.get(flag).into_iter().flatten();
        let mut variants = variants.filter(|variant| *variant.name == *variation);
        variants.next().map_or_else(Default::default, |variant| {
            let conversions = variant.conversions.iter();
            let mut conversions: Vec<_> = conversions.map(|(_, it)| it.clone()).collect();
            conversions.sort_by(|one, other| one.name.cmp(&other.name));
            (variant.exposures, conversions)
        })
    }

    pub(super) fn forget(&mut self, flag: &FlagKey) {
        self.flags.remove(flag);
    }
}

impl Variant {
    fn convert(&mut self, place: usize, name: &str, value: Option<f64>) {
        let known = self
            .conversions
            .iter()
            .position(|(known, _)| *known == place);
        let at = known.unwrap_or_else(|| {
            self.conversions.push((place, Conversion::new(name)));
            self.conversions.len() - 1
        });
        if let Some((_, conversion)) = self.conversions.get_mut(at) {
            conversion.count += 1;
            conversion.sum += value.filter(|value| value.is_finite()).unwrap_or_default();
        }
    }
}
