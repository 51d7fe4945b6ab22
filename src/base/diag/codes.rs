//! The stable diagnostic codes, each with its one-line explanation.
//!
//! A code is never given a second meaning; new findings get new numbers.

macro_rules! codes {
    ($($name:ident = $code:literal, $text:literal;)*) => {
        $(#[doc = $text] pub const $name: &str = $code;)*
        /// Every code with its explanation, in ascending order.
        pub const ALL: &[(&str, &str)] = &[$(($code, $text)),*];
    };
}

codes! {
    FILE_UNREADABLE = "E001", "A file named in the input cannot be read.";
    FILE_TOO_LARGE = "E002", "A file is larger than the limit for its kind.";
    NOT_TEXT = "E003", "A file is not UTF-8 text.";
    EMPTY_FILE = "E004", "A file holds no document.";
    SYNTAX = "E005", "The text is not valid YAML.";
    TOO_DEEP = "E006", "Values are nested deeper than the limit.";
    TOO_MANY_NODES = "E007", "A document holds more values than the limit, aliases expanded.";
    TOO_MANY_DOCUMENTS = "E008", "A file holds more documents than the limit.";
    DUPLICATE_KEY = "E009", "A key occurs twice in one mapping.";
    UNSUPPORTED_TAG = "E010", "A YAML tag other than those of the core schema.";
    BAD_KEY = "E011", "A mapping key is not a plain word, or a merge key has no mapping.";
    UNKNOWN_FIELD = "E020", "A field that the object does not have.";
    WRONG_TYPE = "E021", "A value of another type than the field takes.";
    MISSING_FIELD = "E022", "A required field is missing.";
    UNKNOWN_WORD = "E023", "A word that is not one of those allowed here.";
    OUT_OF_RANGE = "E024", "A number outside the range allowed here.";
    BAD_DURATION = "E025", "A duration that cannot be read.";
    BAD_QUANTITY = "E026", "A quantity that cannot be read.";
    BAD_DISTRIBUTION = "E027", "A distribution with missing, unknown or contradictory parameters.";
    ONE_OF = "E028", "Exactly one of several fields must be given.";
    CONFLICT = "E029", "Two fields contradict each other.";
    BAD_API_VERSION = "E030", "An apiVersion that this kind does not have.";
    BAD_KIND = "E031", "A kind that is missing or not allowed here.";
    UNKNOWN_PLUGIN = "E032", "A scheduler plugin that is not built in.";
    BAD_EXPECT = "E033", "An expectation that cannot be read.";
    UNRESOLVED = "E034", "A name that refers to nothing.";
    CYCLE = "E035", "Files that name each other in a circle.";
    REDEFINED = "E036", "One object given twice with different content.";
    DUPLICATE_NAME = "E037", "One name used twice.";
    BAD_PRICE = "E038", "A price that cannot be read.";
    BAD_TIME = "E039", "A point in time that cannot be read.";
    BAD_NAME = "E040", "A name, label or label value with forbidden characters.";
    BAD_SELECTOR = "E041", "A selector that cannot be evaluated.";
    SELECTOR_MISMATCH = "E042", "A selector that does not match its own pod template.";
    BAD_PROBE = "E043", "A probe without, or with more than one, handler.";
    SUCCESS_THRESHOLD = "E044", "A liveness or startup probe with successThreshold other than 1.";
    UNKNOWN_PORT = "E045", "A port name that the container does not have.";
    DUPLICATE_CONTAINER = "E046", "Two containers or ports of one pod share a name.";
    REQUEST_OVER_LIMIT = "E047", "A request larger than its limit.";
    UNKNOWN_RESOURCE = "E048", "An unqualified resource name that Kubernetes does not know.";
    NEGATIVE = "E049", "A number that must not be negative or zero.";
    STUCK_ROLLOUT = "E050", "A rolling update that may neither add nor remove a pod.";
    BAD_TOPOLOGY = "E051", "A topology spread constraint with an impossible value.";
    BAD_EXPRESSION = "E052", "An expression that cannot be read, or that has no answer.";
    BAD_TRACE = "E053", "A failure trace that cannot be read.";
    SKIPPED_KIND = "N001", "A kind that the simulation does not read; the object is skipped.";
    OLD_API_VERSION = "N002", "An old apiVersion, read as its successor of the same shape.";
    NO_EFFECT = "N003", "A setting that has no effect in a simulation.";
    SKIPPED_PLUGIN = "N004", "A plugin or extender that is skipped because that was asked for.";
    UNSERVED_POD = "N005", "Pods that ask for a scheduler of which the policy has no profile.";
}
