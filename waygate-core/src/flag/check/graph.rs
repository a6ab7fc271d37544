use std::collections::HashMap;

/// The longest chain of prerequisites or segments (wire contract, section 9).
pub(super) const MAX_DEPTH: usize = 10;
/// The most steps of one evaluation. A definition that is reached on two ways counts twice.
pub(super) const MOST_STEPS: u64 = 1_000;

/// A problem of the definitions that one depends on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Tangle {
    /// The keys of a cycle, from one to the same again.
    Cycle(Vec<String>),
    Deep,
    Wide(u64),
}

/// Follows dependencies from `start`, and returns the length of the longest chain.
pub(super) fn follow<'a>(
    start: &'a str,
    needs: &dyn Fn(&str) -> Vec<&'a str>,
) -> Result<usize, Tangle> {
    let mut search = Search {
        needs,
        path: Vec::new(),
        done: HashMap::new(),
    };
    let (height, steps) = search.visit(start)?;
    match steps {
        ..=MOST_STEPS => Ok(height),
        _ => Err(Tangle::Wide(steps)),
    }
}

struct Search<'a, 'n> {
    needs: &'n dyn Fn(&str) -> Vec<&'a str>,
    path: Vec<&'a str>,
    /// The longest chain below, and the steps of an evaluation.
    done: HashMap<&'a str, (usize, u64)>,
}

impl<'a> Search<'a, '_> {
    fn visit(&mut self, key: &'a str) -> Result<(usize, u64), Tangle> {
        if let Some(at) = self.path.iter().position(|other| *other == key) {
            let cycle = self.path[at..].iter().chain([&key]);
            return Err(Tangle::Cycle(cycle.map(|key| (*key).to_owned()).collect()));
        }
        if self.path.len() > MAX_DEPTH {
            return Err(Tangle::Deep);
        }
        if let Some(known) = self.done.get(key) {
            return match self.path.len() + known.0 > MAX_DEPTH {
                true => Err(Tangle::Deep),
                false => Ok(*known),
            };
        }
        self.path.push(key);
        let (mut height, mut steps) = (0, 1_u64);
        for other in (self.needs)(key) {
            let (below, its_steps) = self.visit(other)?;
            height = height.max(below + 1);
            steps = steps.saturating_add(its_steps);
        }
        self.path.pop();
        self.done.insert(key, (height, steps));
        Ok((height, steps))
    }
}
