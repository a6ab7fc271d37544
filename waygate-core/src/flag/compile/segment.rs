use std::sync::Arc;

use super::{
    clause::{CompiledClause, compile_clauses},
    options::CompileOptions,
    split::{BucketBy, Gate},
};
use crate::flag::{key::SegmentKey, map::Map, model::Segment, place::Place, problem::Problems};

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
    unreadable: bool,
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
                Gate::new("segment", definition.key.as_str(), 0, weight, by)
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
            unreadable: false,
            definition,
        };
        (segment, problems)
    }

    /// Stands for a segment with a record that cannot be read: evaluations that need it are errors.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use serde_json::json;
    /// # use waygate_core::flag::{CompileOptions, CompiledFlag, EvaluationContext, Flag};
    /// # use waygate_core::port::ManualClock;
    /// use waygate_core::flag::{CompiledSegment, ErrorCode, FlagSet};
    ///
    /// # let search = Flag::parse(&json!({
    /// #     "key": "search", "name": "Search", "type": "boolean",
    /// #     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
    /// #     "off_variation": "off", "fallthrough": "off", "rules": [{
    /// #         "clauses": [{"attribute": "key", "operator": "not_in_segment", "values": ["beta"]}], "variation": "on",
    /// #     }],
    /// # }))?;
    /// # let (search, _) = CompiledFlag::compile(Arc::new(search), CompileOptions::default());
    /// # let (user, clock) = (EvaluationContext::new("user-1"), ManualClock::at("2030-01-01T00:00:00Z".parse()?));
    /// let mut flags = FlagSet::new();
    /// flags.insert_flag(Arc::new(search)); // Has a rule for everyone who is `not_in_segment` `beta`.
    /// flags.insert_segment(Arc::new(CompiledSegment::unreadable("beta".parse()?)));
    /// let resolution = flags.evaluate("search", &user, &clock).expect("a flag");
    /// assert_eq!(resolution.error(), Some(ErrorCode::General));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn unreadable(key: SegmentKey) -> Self {
        Self {
            kind: None,
            keys: Map::default(),
            rules: Box::default(),
            unreadable: true,
            definition: Arc::new(Segment {
                key,
                name: String::new(),
                description: String::new(),
                included: Vec::new(),
                excluded: Vec::new(),
                rules: Vec::new(),
                tags: Vec::new(),
                created_at: None,
                updated_at: None,
                context_kind: None,
            }),
        }
    }

    /// Returns whether this stands for a segment that cannot be read.
    ///
    /// ```
    /// use waygate_core::flag::CompiledSegment;
    ///
    /// assert!(CompiledSegment::unreadable("beta".parse()?).is_unreadable());
    /// # Ok::<(), waygate_core::grammar::Invalid>(())
    /// ```
    pub fn is_unreadable(&self) -> bool {
        self.unreadable
    }

    /// Returns the definition.
    pub fn definition(&self) -> &Arc<Segment> {
        &self.definition
    }
}
