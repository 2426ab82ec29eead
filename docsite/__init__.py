"""The documentation site: reference pages made of the code, navigation made of the files, links checked."""
