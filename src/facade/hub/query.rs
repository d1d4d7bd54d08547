//! The parameters of an address, whose names have brackets: `page[size]`, also as `page%5Bsize%5D`.

use crate::error::{Error, Result};
use crate::model::search::Page;

/// The parameters of an address.
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads what stands after the question mark.
    pub fn of(written: &str) -> Query {
        Query(form_urlencoded::parse(written.as_bytes()).into_owned().collect())
    }

    /// Every value of a parameter that is not empty.
    pub fn all(&self, name: &str) -> Vec<String> {
        let values = self.0.iter().filter(|(known, value)| known == name && !value.is_empty());
        values.map(|(_, value)| value.clone()).collect()
    }

    /// The value of a parameter. An empty one counts as absent.
    /// # Errors
    /// Two values: either could be the one that was meant.
    pub fn get(&self, name: &str) -> Result<Option<&str>> {
        let mut values = self.0.iter().filter(|(known, value)| known == name && !value.is_empty());
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(Error::invalid(format!("The parameter {name} is given twice"))),
            (Some((_, value)), None) if value.contains('\0') => Err(invalid(name)),
            (value, None) => Ok(value.map(|(_, value)| value.as_str())),
        }
    }

    /// The value of a parameter that is a whole number within bounds.
    /// # Errors
    /// It is not.
    pub fn number(&self, name: &str, usual: i64, most: i64) -> Result<i64> {
        let Some(text) = self.get(name)? else { return Ok(usual) };
        let number = text.parse().ok().filter(|number| (1..=most).contains(number));
        number.ok_or_else(|| {
            Error::invalid(format!("Invalid {name} parameter: a whole number from 1 to {most} is expected"))
        })
    }

    /// Which page is wanted, by size and number: what the store needs to know, and the number.
    /// # Errors
    /// One of the two is no such number.
    pub fn page(&self, usual: i64, most: i64) -> Result<(Page, i64)> {
        let limit = self.number("page[size]", usual, most)?;
        let number = self.number("page[number]", 1, 1_000_000_000)?;
        Ok((Page { limit, offset: (number - 1) * limit }, number))
    }

    /// Every name and value.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }
}

/// The documented refusal of a parameter's value.
pub(super) fn invalid(name: &str) -> Error {
    Error::invalid(format!("Invalid {name} parameter"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_may_be_escaped_and_a_page_is_counted_from_1() {
        for written in ["page[size]=25&page[number]=3", "page%5Bsize%5D=25&page%5bnumber%5d=3"] {
            let (page, number) = Query::of(written).page(10, 100).expect("a page");
            assert_eq!((page.limit, page.offset, number), (25, 50, 3));
        }
        assert_eq!(Query::of("page[size]=").page(10, 100).expect("a page").0, Page { limit: 10, offset: 0 });
        for written in ["page[size]=0", "page[size]=101", "page[number]=0", "page[size]=x", "page[size]=1&page[size]=2"]
        {
            assert!(Query::of(written).page(10, 100).is_err(), "{written}");
        }
        assert_eq!(Query::of("username=a&username=&username=b").all("username"), ["a", "b"]);
    }
}
