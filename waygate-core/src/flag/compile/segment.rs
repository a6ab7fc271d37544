use std::sync::Arc;

use super::{
    clause::{CompiledClause, compile_clauses},
    options::CompileOptions,
    split::{BucketBy, Gate},
};
use crate::flag::{map::Map, model::Segment, place::Place, problem::Problems};

/// A segment in the form that is evaluated.
///
/// ```
/// use std::sync::Arc;
///
/// use serde_json::json;
/// use waygate_core::flag::{CompileOptions, CompiledSegment, Segment};
///
/// let beta = Segment::parse(&json!({"key": "beta", "name": "Beta", "included": ["user-1"]}))?;
/// let (compiled, problems) = CompiledSegment::compile(Arc::new(beta), CompileOptions::default());
/// assert!(problems.is_empty());
/// assert_eq!(compiled.definition().name, "Beta");
/// # Ok::<(), waygate_core::flag::Problems>(())
/// ```
#[derive(Debug)]
pub struct CompiledSegment {
    definition: Arc<Segment>,
    pub(crate) kind: Option<Box<str>>,
    /// Keys, and whether they are members.
    pub(crate) keys: Map<Box<str>, bool>,
    pub(crate) rules: Box<[CompiledSegmentRule]>,
}

#[derive(Debug)]
pub(crate) struct CompiledSegmentRule {
    pub(crate) clauses: Box<[CompiledClause]>,
    pub(crate) share: Option<Gate>,
}

impl CompiledSegment {
    /// Compiles a segment. Operands that never match are reported, and left out.
    pub fn compile(definition: Arc<Segment>, options: CompileOptions) -> (Self, Problems) {
        let mut problems = Problems::default();
        let list = Place::Member(&Place::Root, "rules");
        let kind = definition.context_kind.as_deref();
        let rules = definition.rules.iter().enumerate().map(|(at, rule)| {
            let place = Place::Index(&list, at);
            let share = rule.weight.map(|weight| {
                let by = BucketBy::new(kind, rule.bucket_by.as_deref(), options);
                Gate::new(definition.key.as_str(), 0, weight, by)
            });
            CompiledSegmentRule {
                clauses: compile_clauses(&rule.clauses, &place, options, &mut problems),
                share,
            }
        });
        let rules = rules.collect();
        let included = definition.included.iter().map(|key| (key, true));
        // Later entries replace earlier ones: who is in both is excluded.
        let excluded = definition.excluded.iter().map(|key| (key, false));
        let keys = included.chain(excluded);
        let segment = Self {
            kind: kind.map(Box::from),
            keys: keys
                .map(|(key, is_member)| (key.as_str().into(), is_member))
                .collect(),
            rules,
            definition,
        };
        (segment, problems)
    }

    /// Returns the definition.
    pub fn definition(&self) -> &Arc<Segment> {
        &self.definition
    }
}
