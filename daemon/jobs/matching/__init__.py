"""Matching: which customers of an account are the tenant's already.

`comparing.match` lists them and writes down who is proposed for whom; `deciding` does what people say;
`following` keeps a push from making somebody twice, and follows whom the provider merged. A push loads that
alone, none of the libraries that compare.
"""
