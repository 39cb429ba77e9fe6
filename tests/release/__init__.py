"""Both distributions as strangers get them: built twice, checked, installed into empty environments, used."""
