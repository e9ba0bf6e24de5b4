"""The serving forms of models, one file per form. numpy and scipy alone; training imports nothing into them."""
