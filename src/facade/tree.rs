//! JSON as XML and back, for clients that speak XML where others speak JSON: nothing is lost on the way, and plain XML
//! without any of the marks below is read as well as it can be. It knows texts, and neither what they mean nor HTTP.
//!
//! * An object's members are elements of their names; an array is an element with `type="array"` and an `item` for
//!   each value; a string is an element's text.
//! * `type="number"` keeps the digits as they are, `type="boolean"` is `true` or `false`, `type="null"` is empty. An empty
//!   object is `type="object"`; an empty string needs nothing.
//! * A name that XML does not allow, or that would mean something else (`item`, anything that begins with `xml`), is an
//!   `item` with the attribute `name`, or, for characters that XML cannot carry, with `nameEncoding="base64"` besides.
//! * Text with such characters is in base64, with `encoding="base64"`.
//!
//! Read back, the same is the same. Besides: the outermost element may have any name, namespaces are not looked at,
//! elements of one name beside each other are an array, an element with nothing but `item`s is an array, `xsi:nil` and
//! the `xsi:type`s of XML Schema count like `type`. What could not be kept is refused: other attributes, and text beside
//! elements.

mod read;
mod write;

use crate::operation::json::MOST_VALUES;

pub use self::read::from_xml;
pub use self::write::to_xml;

/// Values up to which records are shown as XML, which takes some thirty bytes for each besides its own. As many are read.
pub const MOST_SHOWN: usize = 3 * MOST_VALUES;
/// The same with what is told of each record in a reply.
const MOST_WRITTEN: usize = 4 * MOST_VALUES;

/// The attributes that say what an element is; they are in no namespace.
const TYPE: &str = "type";
const NAME: &str = "name";
const ENCODING: &str = "encoding";
const NAME_ENCODING: &str = "nameEncoding";
const BASE64: &str = "base64";

/// Bytes of a name up to which it is an element's; every reader has a limit, and ours is this.
const LONGEST_NAME: usize = 1_000;
