//! Case-insensitive comparison of texts.

/// The form for comparisons: each letter in lower case, independent of its neighbours.
///
/// Not `str::to_lowercase`, which writes a Greek sigma depending on its position in the word. A part of a text would
/// then not be a part of the folded text.
pub fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).map(|c| if c == 'ς' { 'σ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn letters_beyond_ascii_fold_too() {
        for (text, folded) in [("Åsa ÉLODIE", "åsa élodie"), ("ΟΔΟΣ οδος", "οδοσ οδοσ"), ("ß", "ß"), ("Ж9", "ж9")]
        {
            assert_eq!(fold(text), folded);
        }
    }

    proptest! {
        #[test]
        fn a_part_stays_a_part(before in any::<String>(), part in any::<String>(), after in any::<String>()) {
            let whole = fold(&format!("{before}{part}{after}"));
            prop_assert!(whole.contains(&fold(&part)));
            prop_assert_eq!(fold(&whole), whole);
        }
    }
}
