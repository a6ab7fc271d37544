use crate::flag::words::words;

words! {
    /// The comparison of a clause. Those until `semver_gt` are of the wire contract, section 2.5; with the others they
    /// are the union of the operators of LaunchDarkly and Unleash.
    ///
    /// Without the attribute, or with `null`, `is_not`, `not_in`, `is_not_set`, `not_in_cidr` and `ne` match; the
    /// rest does not.
    pub enum Operator: "operator" {
        /// Equal to any value.
        Is = "is",
        /// Equal to no value.
        IsNot = "is_not",
        /// Has any value as a part.
        Contains = "contains",
        /// Has no value as a part.
        NotContains = "not_contains",
        /// Starts with any value.
        StartsWith = "starts_with",
        /// Ends with any value.
        EndsWith = "ends_with",
        /// Has a match of any regular expression, in the syntax of the `regex` crate.
        Matches = "matches",
        /// Has no match of any regular expression.
        NotMatches = "not_matches",
        /// Greater than any value.
        Gt = "gt",
        /// Greater than or equal to any value.
        Gte = "gte",
        /// Less than any value.
        Lt = "lt",
        /// Less than or equal to any value.
        Lte = "lte",
        /// Earlier than any value.
        Before = "before",
        /// Later than any value.
        After = "after",
        /// As `is`.
        In = "in",
        /// As `is_not`.
        NotIn = "not_in",
        /// In any segment. The attribute is ignored.
        InSegment = "in_segment",
        /// In no segment. The attribute is ignored.
        NotInSegment = "not_in_segment",
        /// The same version.
        SemverEq = "semver_eq",
        /// An earlier version.
        SemverLt = "semver_lt",
        /// A later version.
        SemverGt = "semver_gt",
        /// The same version or an earlier one.
        SemverLte = "semver_lte",
        /// The same version or a later one.
        SemverGte = "semver_gte",
        /// The same number, which may be written as a string.
        Eq = "eq",
        /// No such number.
        Ne = "ne",
        /// Starts with no value.
        NotStartsWith = "not_starts_with",
        /// Ends with no value.
        NotEndsWith = "not_ends_with",
        /// An address in any network in CIDR form.
        InCidr = "in_cidr",
        /// No address of any network.
        NotInCidr = "not_in_cidr",
        /// The attribute is there, and is not `null`. Has no values.
        IsSet = "is_set",
        /// The attribute is missing, or `null`. Has no values.
        IsNotSet = "is_not_set",
    }
}
