use std::fmt::Display;

use crate::flag::{
    hash::TOTAL,
    model::{Flag, Progressive, Serve, WeightedVariation},
    place::Place,
    problem::{ProblemCode, Problems},
    words::expected,
};

/// The most variations of a flag.
pub(super) const MAX_VARIATIONS: usize = 100;

/// The names of the variations of a flag; `None` if they cannot be relied on, because the list is wrong.
pub(super) struct Names<'a>(Option<Vec<&'a str>>);

impl<'a> Names<'a> {
    pub(super) fn of(flag: &'a Flag, problems: &Problems) -> Self {
        let names = flag.variations.iter().map(|variation| &*variation.name);
        let sensible = (1..=MAX_VARIATIONS).contains(&names.len());
        Self((sensible && !problems.within("/variations")).then(|| names.collect()))
    }

    /// Checks that a name is that of a variation.
    pub(super) fn check(&self, name: &str, place: impl Display, problems: &mut Problems) {
        if let Some(names) = &self.0
            && !names.contains(&name)
            // The help takes time, and a long definition can have many wrong names.
            && problems.accept(&place.to_string())
        {
            let help = expected(name, names);
            let message = format!("the flag has no variation `{name}`; {help}");
            problems.add(place, ProblemCode::UnknownVariation, message);
        }
    }
}

pub(super) fn serve(serve: &Serve, names: &Names<'_>, place: &Place<'_>, problems: &mut Problems) {
    match serve {
        Serve::Variation(name) => names.check(name, place, problems),
        Serve::Rollout(rollout) => self::rollout(rollout, names, place, problems),
    }
}

pub(super) fn rollout(
    rollout: &[WeightedVariation],
    names: &Names<'_>,
    place: &Place<'_>,
    problems: &mut Problems,
) {
    super::text::count(rollout.len(), MAX_VARIATIONS, "parts", place, problems);
    let sum: u64 = rollout.iter().map(|part| u64::from(part.weight)).sum();
    for (at, part) in rollout.iter().enumerate() {
        let place = Place::Index(place, at);
        names.check(
            &part.variation,
            Place::Member(&place, "variation"),
            problems,
        );
    }
    if sum != u64::from(TOTAL) && !problems.within(&place.to_string()) {
        let message = format!("the weights sum to {sum}; they must sum to {TOTAL}, which is 100%");
        problems.add(place, ProblemCode::WeightSum, message);
    }
}

pub(super) fn progressive(progressive: &Progressive, names: &Names<'_>, problems: &mut Problems) {
    let place = Place::Member(&Place::Root, "progressive");
    let member = |name| Place::Member(&place, name);
    names.check(&progressive.variation, member("variation"), problems);
    names.check(&progressive.baseline, member("baseline"), problems);
    if progressive.variation == progressive.baseline {
        let message = "the variation and the baseline are the same";
        problems.add(member("baseline"), ProblemCode::Contradiction, message);
    }
    let list = member("stages");
    match progressive.stages.len() {
        0 => problems.add(list, ProblemCode::Missing, "there is no stage"),
        len => super::text::count(len, 100, "stages", list, problems),
    }
    let later = progressive.stages.iter().skip(1);
    for (at, (before, stage)) in progressive.stages.iter().zip(later).enumerate() {
        let place = Place::Index(&list, at + 1);
        if stage.after_seconds <= before.after_seconds {
            let place = Place::Member(&place, "after_seconds");
            let message = "stages come in order, each later than the one before";
            problems.add(place, ProblemCode::Contradiction, message);
        }
        if stage.weight < before.weight {
            let place = Place::Member(&place, "weight");
            let message = "weights do not fall: contexts would lose the variation";
            problems.add(place, ProblemCode::Contradiction, message);
        }
    }
    let list = member("holds");
    super::text::count(progressive.holds.len(), 100, "holds", list, problems);
}
